import type { Command } from 'commander';
import type { TrainingJob, TrainingJobEvent } from '@/lib/http/api-types.ts';
import type { ApiClient } from '../api-client.ts';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { formatTable, printJson, printLine, type Terminal } from '../output/terminal.ts';
import { followJob } from '../training/follow.ts';
import { eventText, metricText, stateLine } from '../training/job-view.ts';

export function addJobs(program: Command, context: CliContext): void {
  const jobs = program.command('jobs').description('training jobs: list, show, logs, metrics, cancel, retry');
  addLists(jobs, context);
  addReading(jobs, context);
  addChanges(jobs, context);
}

function addLists(jobs: Command, context: CliContext): void {
  jobs
    .command('ls', { isDefault: true })
    .alias('list')
    .description('list jobs, newest first')
    .option('-s, --state <states>', 'only these, between commas: pending, running, failed, ...')
    .option('-n, --limit <count>', 'at most this many', Number, 20)
    .addHelpText('after', '\nExample: longshore jobs ls --state running,fetching')
    .action((flags: { state?: string; limit: number }) => list(context, flags));
  jobs
    .command('show')
    .description('one job: state, machine, error')
    .argument('<job>')
    .action(async (id: string) => show(context, await find(await context.client(), id)));
}

function addReading(jobs: Command, context: CliContext): void {
  jobs
    .command('logs')
    .description('what a job printed')
    .argument('<job>')
    .option('-f, --follow', 'stay until it ends; exits 1 unless it completed', false)
    .addHelpText('after', '\nExample: longshore jobs logs -f 0199...')
    .action((id: string, flags: { follow: boolean }) => logs(context, id, flags.follow));
  jobs
    .command('metrics')
    .description('the numbers that a job printed: loss, learning rate, ...')
    .argument('<job>')
    .action((id: string) => metrics(context, id));
}

function addChanges(jobs: Command, context: CliContext): void {
  jobs
    .command('cancel')
    .description('end a job, its command and the machine that is rented for it')
    .argument('<job>')
    .action((id: string) => change(context, id, 'cancel'));
  jobs
    .command('retry')
    .description('begin a failed or cancelled local job again, on the same bytes')
    .argument('<job>')
    .action((id: string) => change(context, id, 'retry'));
}

async function list({ terminal, ...context }: CliContext, flags: { state?: string; limit: number }): Promise<void> {
  const client = await context.client();
  const found: TrainingJob[] = [];
  const query = { state: flags.state, limit: Math.min(flags.limit, 200) };
  for await (const job of client.pages<TrainingJob>('/api/training/jobs', 'jobs', query)) {
    if (found.length === flags.limit) break;
    found.push(job);
  }
  if (terminal.json) return printJson(terminal, { jobs: found });
  if (found.length === 0) return printLine(terminal, 'No training jobs yet. Make one with: longshore train DATASET');
  const rows = found.map((job) => [
    job.id,
    job.state,
    job.stage ?? '',
    job.target,
    `${job.attempt}/${job.max_attempts}`,
    job.created_at.slice(0, 16).replace('T', ' '),
    job.error?.message ?? '',
  ]);
  const header = ['ID', 'STATE', 'STAGE', 'TARGET', 'ATTEMPT', 'CREATED (UTC)', 'ERROR'];
  for (const line of formatTable(header, rows)) printLine(terminal, line);
}

function show({ terminal }: CliContext, job: TrainingJob): void {
  if (terminal.json) printJson(terminal, { job });
  else for (const line of factsOf(terminal, job)) printLine(terminal, line);
}

function factsOf(terminal: Terminal, job: TrainingJob): string[] {
  const { remote, error } = job;
  const facts: [string, string | null | undefined][] = [
    ['dataset', job.dataset_id],
    ['bytes', `sha256 ${job.content_sha256}`],
    ['stage', job.stage],
    ['worker', job.claimed_by],
    ['machine', remote === null ? null : [remote.provider, remote.id, remote.state, remote.console_url].join('  ')],
    ['started', job.started_at],
    ['last heard', job.heartbeat_at],
    ['finished', job.finished_at],
    ['failed in', error?.stage],
    ['remedy', error?.hint],
  ];
  const known = facts.filter(([, value]) => value !== null && value !== undefined);
  return [stateLine(terminal, job), ...known.map(([name, value]) => `  ${name.padEnd(10)}  ${value}`)];
}

async function logs(context: CliContext, id: string, follow: boolean): Promise<void> {
  const client = await context.client();
  const { id: jobId } = await find(client, id);
  if (!follow) {
    for await (const event of eventsOf(client, jobId, 'log')) {
      context.terminal.stdout.write(
        context.terminal.json ? `${JSON.stringify(event)}\n` : eventText(context.terminal, event),
      );
    }
    return;
  }
  if ((await followJob(context, client, jobId, ['log'])) !== 'completed') process.exitCode = EXIT.findings;
}

async function metrics({ terminal, ...context }: CliContext, id: string): Promise<void> {
  const client = await context.client();
  const { id: jobId } = await find(client, id);
  for await (const event of eventsOf(client, jobId, 'metric')) {
    printLine(terminal, terminal.json ? JSON.stringify({ at: event.at, ...event.data }) : metricText(event.data));
  }
}

async function change(context: CliContext, id: string, verb: 'cancel' | 'retry'): Promise<void> {
  const path = `/api/training/jobs/${encodeURIComponent(id)}/${verb}`;
  const { job } = await (await context.client()).json<{ job: TrainingJob }>(path, { method: 'POST' });
  if (context.terminal.json) printJson(context.terminal, { job });
  else printLine(context.terminal, stateLine(context.terminal, job));
}

async function find(client: ApiClient, id: string): Promise<TrainingJob> {
  return (await client.json<{ job: TrainingJob }>(`/api/training/jobs/${encodeURIComponent(id)}`)).job;
}

/** Everything of one kind that was said until now, page by page. */
async function* eventsOf(
  client: ApiClient,
  id: string,
  kind: TrainingJobEvent['kind'],
): AsyncGenerator<TrainingJobEvent> {
  const limit = 500;
  let cursor = 0;
  for (;;) {
    const path = `/api/training/jobs/${encodeURIComponent(id)}/events`;
    const page = await client.json<{ events: TrainingJobEvent[]; last_id: number }>(path, {
      query: { kind, cursor, limit },
    });
    yield* page.events;
    if (page.events.length < limit) return;
    cursor = page.last_id;
  }
}
