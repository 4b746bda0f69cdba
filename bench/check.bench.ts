/**
 * `longshore check` as a person runs it: the whole command, start-up included, in MB of source per CPU second over all
 * its threads. The source's SHA-256 is part of it; `--json` adds that of the content.
 */
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type SampleKind, sampleFile } from './data.ts';
import { describeMachine, median, printTable } from './table.ts';

const MIB = 2 ** 20;
const SIZE_BYTES = 256 * MIB;
const ROUNDS = 3;
const command = fileURLToPath(new URL('../bin/longshore.js', import.meta.url));

/** User and system seconds of a command, as bash counts them. */
function cpuSecondsOf(args: readonly string[]): number {
  const script = 'TIMEFORMAT="%U %S"; time "$@" > /dev/null 2>&1';
  const printed = execFileSync('bash', ['-c', `{ ${script}; } 2>&1`, 'bash', process.execPath, command, ...args]);
  const seconds = printed.toString().trim().split(/\s+/).map(Number);
  return seconds.reduce((sum, one) => sum + one, 0);
}

async function measure(kind: SampleKind, flags: readonly string[]): Promise<(string | number)[]> {
  const path = await sampleFile(kind, SIZE_BYTES);
  const seconds = median(Array.from({ length: ROUNDS }, () => cpuSecondsOf(['check', path, ...flags])));
  const speed = statSync(path).size / 1e6 / seconds;
  return [kind, flags.join(' '), seconds.toFixed(2), speed.toFixed(0)];
}

console.log(`${describeMachine()}, ${SIZE_BYTES / MIB} MiB a file, medians of ${ROUNDS}\n`);
const start = median(Array.from({ length: ROUNDS }, () => cpuSecondsOf(['--version'])));
const rows = [await measure('chat', []), await measure('chat', ['--json']), await measure('alpaca', [])];
printTable(
  ['file', 'flags', 'CPU s', 'MB per CPU second'],
  [...rows, ['(no file)', '--version', start.toFixed(2), '']],
);
