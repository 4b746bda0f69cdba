import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { LongshoreError } from '@/lib/errors.ts';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { checkLine, type ItemView, printRun } from '../migration/print-run.ts';
import { applyRemoval, makeRemoval, printRemoval } from '../migration/removals.ts';
import { changeRun, chosenRun, follow, RUNS } from '../migration/runs.ts';
import { note, printJson, printLine } from '../output/terminal.ts';

/** What comes after a run: proof, receipts, and the way back. */
export function addMigrateProof(migrate: Command, context: CliContext): void {
  migrate
    .command('verify')
    .description('read both sides of every moved dataset back: = same, - missing, * differs, ! not readable')
    .argument('[run]', 'default: the newest')
    .option('--all', 'list the same ones too', false)
    .addHelpText('after', '\nExample: longshore migrate verify 0190…\nExits 1 when anything is not the same.')
    .action((id: string | undefined, flags: { all: boolean }) => verify(context, id, flags.all));
  migrate
    .command('report')
    .description('a receipt for every object: source, destination, bytes, both hashes, times')
    .argument('[run]', 'default: the newest')
    .option('--format <format>', 'jsonl or csv', 'jsonl')
    .option('--out <file>', 'write it to this file instead of standard output')
    .addHelpText('after', '\nExample: longshore migrate report 0190… --format csv --out receipts.csv')
    .action((id: string | undefined, flags: { format: string; out?: string }) => report(context, id, flags));
  migrate
    .command('rollback')
    .description('reads return to the base store at once; the copies stay, unless they are removed on request')
    .argument('<run>')
    .option('--remove', 'list the copies of the run, with the proof of those that stay', false)
    .option('--apply', 'with --remove: remove what was listed', false)
    .addHelpText(
      'after',
      `
Example: longshore migrate rollback 0190…
         longshore migrate rollback 0190… --remove --apply`,
    )
    .action((id: string, flags: { remove: boolean; apply: boolean }) => rollback(context, id, flags));
}

async function verify(context: CliContext, id: string | undefined, all: boolean): Promise<void> {
  const { terminal } = context;
  const client = await context.client();
  const { id: runId } = await chosenRun(client, id);
  const begun = await changeRun(client, runId, 'verify');
  const run = await follow(context, client, begun, 'verify', ({ check }) => typeof check?.at === 'string');
  const { check } = run;
  if (check === null) return;
  if (terminal.json) printJson(terminal, { run_id: runId, check });
  else {
    for await (const item of client.pages<ItemView>(`${RUNS}/${runId}/items`, 'items', { limit: 200, state: 'done' })) {
      if (item.check === null || (!all && item.check.mark === '=')) continue;
      printLine(terminal, `${item.check.mark} ${item.dataset_id}  ${item.name}  ${item.check.message ?? ''}`.trimEnd());
    }
    printLine(terminal, checkLine(check));
  }
  if (check.missing + check.different + check.errors > 0) process.exitCode = EXIT.findings;
}

async function report(
  { terminal, ...context }: CliContext,
  id: string | undefined,
  { format, out }: { format: string; out?: string },
): Promise<void> {
  const client = await context.client();
  const run = await chosenRun(client, id);
  const response = await client.request(`${RUNS}/${run.id}/report`, { query: { format }, signal: context.signal });
  if (response.body === null) throw new LongshoreError('unexpected_answer', 'The server sent no report.');
  const lines = Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]);
  await pipeline(lines, out === undefined ? terminal.stdout : createWriteStream(out), { end: out !== undefined });
  if (out !== undefined) note(terminal, `${run.counts.done} receipts are in ${out}.`);
}

async function rollback(context: CliContext, id: string, flags: { remove: boolean; apply: boolean }): Promise<void> {
  const { terminal } = context;
  if (flags.apply && !flags.remove) throw new LongshoreError('usage', '--apply goes with --remove.');
  const client = await context.client();
  const run = await changeRun(client, id, 'rollback');
  if (!flags.remove) {
    if (terminal.json) printJson(terminal, { migration: run });
    else printRun(terminal, run);
    return;
  }
  const listed = await makeRemoval(context, client, { kind: 'rollback', run_id: id });
  const removal = flags.apply ? await applyRemoval(context, client, listed.id) : listed;
  printRemoval(terminal, removal, `longshore migrate rollback ${id} --remove --apply`);
}
