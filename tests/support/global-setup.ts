import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Threads and child processes run built files: build them once, from the sources under test. */
export default function setup(): void {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  execFileSync('npx', ['tsx', 'scripts/build.ts', '--server-only'], { cwd: root, stdio: 'inherit' });
}
