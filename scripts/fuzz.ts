/**
 * Fuzzes ingest: `npm run fuzz -- --seed 1 --minutes 10`, or one case again with `--seed 1 --case 4711`.
 *
 * The cases run in a child process. This one watches it: a case without an end, a death, or memory over the bound is told
 * with the number that repeats it.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { IngestPool } from '../lib/ingest/pool/ingest-pool.ts';
import { corpus } from '../tests/fuzz/corpus.ts';
import { fuzzCase } from '../tests/fuzz/fuzz-case.ts';
import { documentedCodes, judge } from '../tests/fuzz/judge.ts';

/** No case takes a second on an idle machine. */
const LONGEST_CASE_MS = 60_000;
const MAX_RESIDENT_BYTES = 900 * 2 ** 20;

interface Progress {
  number: number;
  accepted: number;
  residentBytes: number;
  /** What was broken by case `number`. */
  broken?: string;
  done?: boolean;
}

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '10' },
    case: { type: 'string' },
    child: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
const first = Number(values.case ?? 0);

async function runCases(tell: (progress: Progress) => void): Promise<void> {
  const [pool, seeds, codes] = [new IngestPool({ threads: 2 }), corpus(), documentedCodes()];
  const end = performance.now() + Number(values.minutes) * 60_000;
  let [number, accepted] = [first, 0];
  const progress = (more: Partial<Progress> = {}) =>
    tell({ number, accepted, residentBytes: process.memoryUsage.rss(), ...more });
  for (; ; number++) {
    progress();
    await judge(fuzzCase(seeds, seed, number), pool, codes).then(
      (was) => {
        accepted += Number(was);
      },
      (error: Error) => progress({ broken: error.message }),
    );
    if (values.case !== undefined || performance.now() > end) break;
  }
  progress({ done: true });
  await pool.close();
}

function watch(): void {
  const child = fork(fileURLToPath(import.meta.url), [...process.argv.slice(2), '--child']);
  let last: Progress = { number: first, accepted: 0, residentBytes: 0 };
  let [peak, failures] = [0, 0];
  const fail = (number: number, what: string) => {
    failures++;
    console.error(`case ${number}: ${what}\n  again: npm run fuzz -- --seed ${seed} --case ${number}`);
  };
  const giveUp = (what: string) => {
    fail(last.number, what);
    child.kill('SIGKILL');
  };
  let watchdog = setTimeout(() => giveUp('it does not end'), LONGEST_CASE_MS);
  child.on('message', (progress: Progress) => {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => giveUp('it does not end'), LONGEST_CASE_MS);
    last = progress;
    peak = Math.max(peak, progress.residentBytes);
    if (progress.broken !== undefined) fail(progress.number, progress.broken);
    if (progress.residentBytes > MAX_RESIDENT_BYTES) giveUp(`the process holds ${progress.residentBytes} bytes`);
  });
  child.on('exit', (code, signal) => {
    clearTimeout(watchdog);
    if (last.done !== true && signal !== 'SIGKILL') fail(last.number, `the process died (${signal ?? code})`);
    const cases = last.number - first + 1;
    const memory = `${Math.round(peak / 2 ** 20)} MiB at most`;
    console.log(`seed ${seed}: ${cases} cases, ${last.accepted} accepted, ${failures} broken promises, ${memory}`);
    process.exitCode = failures > 0 ? 1 : 0;
  });
}

if (values.child) await runCases((progress) => process.send?.(progress));
else watch();
