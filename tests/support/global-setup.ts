import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { shareTestPostgres } from './postgres.ts';
import { openTraces, searchTraces } from './traces.ts';

/**
 * Threads and child processes run built files: build them once, from the sources under test. At the end, everything that
 * the run wrote to logs and databases is searched for secrets.
 */
export default async function setup(): Promise<() => Promise<void>> {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  execFileSync('npx', ['tsx', 'scripts/build.ts', '--server-only'], { cwd: root, stdio: 'inherit' });
  const traces = await mkdtemp(join(tmpdir(), 'longshore-traces-'));
  openTraces(traces);
  const postgres = await shareTestPostgres();
  return async () => {
    await postgres.stop();
    const findings = await searchTraces(traces);
    await rm(traces, { recursive: true });
    if (findings.length === 0) return;
    // What a teardown throws is printed only: vitest leaves with the code of the tests.
    process.exitCode = 1;
    throw new Error(`Logs or databases of this run hold secrets:\n${findings.join('\n')}`);
  };
}
