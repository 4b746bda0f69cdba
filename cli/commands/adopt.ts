import { createWriteStream, type WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import type { Command } from 'commander';
import { LongshoreError } from '@/lib/errors.ts';
import { formatBytes, formatCount } from '@/lib/format.ts';
import type { AdoptionSummary } from '@/lib/migration/adopt/adoption.ts';
import type { AdoptionStatus } from '@/lib/migration/adopt/adoption-status.ts';
import { PROBLEMS, type Problem, type ProblemCode, REMEDIES } from '@/lib/migration/adopt/problems.ts';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { formatTable, note, paint, printJson, printLine, type Terminal } from '../output/terminal.ts';

interface AdoptFlags {
  status: boolean;
  apply: boolean;
  out?: string;
}

export function addAdopt(program: Command, context: CliContext): void {
  program
    .command('adopt')
    .description('take in what an application from before Longshore stored in Supabase; only plans unless --apply')
    .option('--apply', 'add the tables and triggers of Longshore and take the rows in', false)
    .option('--status', 'how far an adoption is, and the first reading of what it took in (admin)', false)
    .option('--out <file>', 'write every problem to this file, one JSON object a line')
    .addHelpText(
      'after',
      `
Needs SUPABASE_URL, SUPABASE_SERVICE_ROLE_KEY and DATABASE_URL of the project. Nothing that the old application reads is
changed; it may go on writing and deleting. What is taken in is read once in the background, to learn hashes and counts.

Example: longshore adopt --out problems.jsonl
         longshore adopt --apply
Exits 1 when problems were found.`,
    )
    .action((flags: AdoptFlags) => (flags.status ? showStatus(context, flags) : adopt(context, flags)));
}

async function adopt({ terminal, signal }: CliContext, flags: AdoptFlags): Promise<void> {
  const { readConfig } = await import('@/lib/config/config.ts');
  const { openAdoption } = await import('@/lib/composition/adoption.ts');
  const opened = await openAdoption(readConfig(), { apply: flags.apply });
  const out = flags.out === undefined ? undefined : new JsonLines(flags.out);
  try {
    const options = { signal, onProblem: (problem: Problem) => out?.write(problem), onProgress: progress(terminal) };
    const summary = flags.apply ? await opened.adoption.apply(options) : await opened.adoption.plan(options);
    await out?.end();
    clearProgress(terminal);
    if (terminal.json) printJson(terminal, summary);
    else printSummary(terminal, summary, flags);
    if (Object.keys(summary.problems).length > 0) process.exitCode = EXIT.findings;
  } finally {
    await opened.close();
  }
}

async function showStatus({ terminal, client, signal }: CliContext, { out }: AdoptFlags): Promise<void> {
  const api = await client();
  const status = await api.json<AdoptionStatus>('/api/storage/adoption', { signal });
  if (out !== undefined) {
    const list = new JsonLines(out);
    const problems = api.pages<Problem>('/api/storage/adoption/problems', 'problems', { limit: 200 });
    for await (const problem of problems) await list.write(problem);
    await list.end();
  }
  if (terminal.json) return printJson(terminal, status);
  const { datasets, inspection } = status;
  if (status.applied_at === null) return printLine(terminal, 'Nothing was adopted here. Next: longshore adopt');
  printLine(
    terminal,
    `${formatCount(datasets.adopted)} datasets taken in, ${formatCount(datasets.missing)} without their object, ${formatCount(datasets.refused)} left to the old application`,
  );
  printLine(
    terminal,
    `${formatCount(inspection.datasets)} of ${formatCount(inspection.of_datasets)} read, ${formatBytes(inspection.bytes)} of ${formatBytes(inspection.of_bytes)}`,
  );
  if (status.s3_copies_waiting > 0)
    printLine(terminal, `${formatCount(status.s3_copies_waiting)} copies in S3 wait for the bucket of their owner`);
  printProblems(terminal, status);
}

class JsonLines {
  readonly #stream: WriteStream;
  #failure: Error | undefined;

  constructor(path: string) {
    this.#stream = createWriteStream(path);
    this.#stream.on('error', (error) => {
      this.#failure = error;
    });
  }

  async write(value: unknown): Promise<void> {
    this.#check();
    if (this.#stream.write(`${JSON.stringify(value)}\n`)) return;
    await new Promise<void>((resolve) => this.#stream.once('drain', () => resolve()).once('close', () => resolve()));
  }

  async end(): Promise<void> {
    this.#stream.end();
    await finished(this.#stream).catch((error: Error) => {
      this.#failure ??= error;
    });
    this.#check();
  }

  #check(): void {
    if (this.#failure === undefined) return;
    throw new LongshoreError('file_unreadable', `The list cannot be written: ${this.#failure.message}.`);
  }
}

function progress(terminal: Terminal): (done: { rows: number; objects: number }) => void {
  if (terminal.stderr.isTTY !== true || terminal.json) return () => undefined;
  return ({ rows, objects }) =>
    void terminal.stderr.write(`\r\u001b[2K${formatCount(rows)} rows, ${formatCount(objects)} objects`);
}

function clearProgress(terminal: Terminal): void {
  if (terminal.stderr.isTTY === true && !terminal.json) terminal.stderr.write('\r\u001b[2K');
}

function printSummary(terminal: Terminal, summary: AdoptionSummary, flags: AdoptFlags): void {
  const { store } = summary;
  printLine(
    terminal,
    `${formatCount(summary.rows)} rows, ${formatCount(summary.objects)} objects (${formatBytes(summary.bytes)}) in ${store.provider} ${store.bucket}`,
  );
  const rows = [
    [flags.apply ? 'taken in' : 'to take in', formatCount(summary.adoptable)],
    ['of these without their object', formatCount(summary.missing)],
    ['of these named in S3 by metadata', formatCount(summary.s3_copies)],
    ['left to the old application', formatCount(summary.refused)],
  ];
  for (const line of formatTable(['Rows from before Longshore', formatCount(summary.legacy_rows)], rows, [1])) {
    printLine(terminal, line);
  }
  for (const finding of summary.table) {
    printLine(terminal, `${paint(terminal, 'yellow', finding.severity)}  ${finding.code}  ${finding.message}`);
    printLine(terminal, `         ${finding.hint}`);
  }
  printProblems(terminal, summary);
  note(terminal, nextStep(flags, summary));
}

function printProblems(terminal: Terminal, { problems }: { problems: Record<string, number> }): void {
  for (const [code, count] of Object.entries(problems)) {
    const known = code as ProblemCode;
    printLine(terminal, `${paint(terminal, 'yellow', formatCount(count).padStart(7))}  ${code}  ${PROBLEMS[known]}`);
    printLine(terminal, `         ${REMEDIES[known]}`);
  }
}

function nextStep({ apply, out }: AdoptFlags, { problems }: AdoptionSummary): string {
  const list = out === undefined && Object.keys(problems).length > 0 ? ' Which ones: --out problems.jsonl.' : '';
  if (!apply) return `Nothing was changed.${list} Next: longshore adopt --apply`;
  return `Hashes and counts follow while longshore serve runs.${list} Next: longshore estimate`;
}
