import { execFileSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';

/** Prints rows as a Markdown table, so that a result can be pasted into bench/README.md as it is. */
export function printTable(header: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  printHeader(header);
  for (const row of rows) printRow(row);
}

/** For tables whose rows take minutes each: what is there already counts, should the run be ended. */
export function printHeader(header: readonly string[]): void {
  console.log(`| ${header.join(' | ')} |`);
  console.log(`|${header.map(() => '---').join('|')}|`);
}

export function printRow(row: readonly (string | number)[]): void {
  console.log(`| ${row.join(' | ')} |`);
}

/** What the figures were taken on: ratios travel between machines, seconds do not. */
export function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  return `${cpus().length} x ${model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
}

/** Wall seconds of a shell command whose output is thrown away: the named peer of a ratio. */
export function secondsOf(command: string): number {
  const start = performance.now();
  execFileSync('bash', ['-c', `set -o pipefail; ${command} > /dev/null`]);
  return (performance.now() - start) / 1000;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
