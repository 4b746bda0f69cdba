import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { formatBytes, formatCount } from '@/lib/format.ts';
import type { ScrubState } from '@/lib/http/api-types.ts';
import type { ApiClient } from '../api-client.ts';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { note, printJson, printLine, progressBar, type Terminal } from '../output/terminal.ts';

type Run = NonNullable<ScrubState['running']>;

const POLL_MS = 500;
const SCRUB = '/api/storage/scrub';
const MARKS: Readonly<Record<string, string>> = { missing: '-', corrupt: '*', error: '!' };

export function addScrub(program: Command, context: CliContext): void {
  program
    .command('scrub')
    .description('read copies back in the background, at the pace that is set: start it, follow it, see what it found')
    .option('--all', 'the copies of everybody (admin)', false)
    .option('--status', 'only tell how it goes', false)
    .option('--wait', 'stay until it is over', false)
    .addHelpText(
      'after',
      '\nExample: longshore scrub --all --wait\nExits 1 when a scrub that was waited for found anything.',
    )
    .action((flags: { all: boolean; status: boolean; wait: boolean }) => scrub(context, flags));
  program
    .command('reconcile')
    .description('compare where copies should be with where they are, and queue the difference')
    .option('--all', 'for everybody (admin)', false)
    .addHelpText('after', '\nExample: longshore reconcile --all')
    .action((flags: { all: boolean }) => reconcile(context, flags.all));
}

async function scrub(context: CliContext, flags: { all: boolean; status: boolean; wait: boolean }): Promise<void> {
  const { terminal } = context;
  const client = await context.client();
  if (flags.status) return printStatus(terminal, await client.json<ScrubState>(SCRUB));
  const scope = flags.all ? 'all' : 'mine';
  const { run } = await client.json<{ run: Run | null }>(SCRUB, { method: 'POST', json: { scope } });
  if (run === null) {
    if (terminal.json) printJson(terminal, { run });
    else printLine(terminal, 'There is no copy to read.');
  } else if (flags.wait || (await context.ownServer())) await follow(context, client, run);
  else if (terminal.json) printJson(terminal, { run });
  else printLine(terminal, `${runLine(run)}\nFollow it: longshore scrub --status`);
}

/** A server that lives as long as this command must not end before the scrub does. */
async function follow({ terminal, signal }: CliContext, client: ApiClient, begun: Run): Promise<void> {
  const bar = progressBar(terminal, 'scrub', begun.total_bytes);
  let status = await client.json<ScrubState>(SCRUB);
  while (status.running?.id === begun.id) {
    bar.update(status.running.checked_bytes);
    await sleep(POLL_MS, undefined, { signal });
    status = await client.json<ScrubState>(SCRUB);
  }
  bar.finish();
  printStatus(terminal, status);
  const { last } = status;
  if (last !== null && last.missing + last.corrupt + last.errors > 0) process.exitCode = EXIT.findings;
}

function printStatus(terminal: Terminal, status: ScrubState): void {
  if (terminal.json) {
    printJson(terminal, status);
    return;
  }
  for (const run of [status.running, status.last]) if (run !== null) printLine(terminal, runLine(run));
  for (const { outcome, dataset_id, provider, bucket, key } of status.findings) {
    printLine(terminal, `${MARKS[outcome] ?? '!'} ${dataset_id}  ${provider}  ${bucket}/${key}  ${outcome}`);
  }
  const { replicas, never_read, oldest_verified_at } = status.coverage;
  const oldest =
    oldest_verified_at === null ? 'none was read back yet' : `the oldest read-back is of ${oldest_verified_at}`;
  printLine(terminal, `${formatCount(replicas)} copies, ${formatCount(never_read)} not read back, ${oldest}`);
}

function runLine(run: Run): string {
  const done = `${formatCount(run.checked_replicas)} of ${formatCount(run.total_replicas)} copies, ${formatBytes(run.checked_bytes)} of ${formatBytes(run.total_bytes)}`;
  const found = `${run.same} same, ${run.missing} missing, ${run.corrupt} different, ${run.errors} errors`;
  return `${run.state} (begun ${run.started_at})  ${done}: ${found}`;
}

async function reconcile({ terminal, ...context }: CliContext, all: boolean): Promise<void> {
  const client = await context.client();
  const json = { scope: all ? 'all' : 'mine' };
  const answer = await client.json('/api/storage/reconcile', { method: 'POST', json });
  if (terminal.json) printJson(terminal, answer);
  else note(terminal, 'What copies lack is queued and restored in the background. See how it goes: longshore ls');
}
