import type { Command } from 'commander';
import { LongshoreError } from '@/lib/errors.ts';
import type { Dataset } from '@/lib/http/api-types.ts';
import { type ApiClient, ApiError } from '../api-client.ts';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { note, printJson, printLine } from '../output/terminal.ts';
import { allSame, printVerified, summaryLine, summaryOf, type VerifiedDataset } from '../output/verify-report.ts';
import { resolveDataset } from '../resolve-dataset.ts';

export function addVerify(program: Command, context: CliContext): void {
  program
    .command('verify')
    .description('read copies back and compare their hashes: = same, - missing, * differs, ! error')
    .argument('[datasets...]', 'ids or exact names')
    .option('--all', 'every dataset you have', false)
    .addHelpText('after', '\nExample: longshore verify --all --json\nExits 1 when any copy is not the same.')
    .action((references: string[], flags: { all: boolean }) => verify(context, references, flags.all));
  program
    .command('repair')
    .description('restore the copies that datasets lack or that are bad; the work goes on in the background')
    .argument('[datasets...]', 'ids or exact names')
    .option('--all', 'every dataset you have', false)
    .addHelpText('after', '\nExample: longshore repair "old chats"')
    .action((references: string[], flags: { all: boolean }) => repair(context, references, flags.all));
}

async function verify({ terminal, ...context }: CliContext, references: string[], all: boolean): Promise<void> {
  const client = await context.client();
  const results: VerifiedDataset[] = [];
  for await (const dataset of chosen(client, references, all)) {
    const result = await verifyOne(client, dataset.id, context.signal);
    results.push(result);
    if (!terminal.json) printVerified(terminal, result);
  }
  const summary = summaryOf(results);
  if (terminal.json) printJson(terminal, { results, summary });
  else printLine(terminal, summaryLine(summary));
  if (!allSame(summary)) process.exitCode = EXIT.findings;
}

/** What stands against verifying one dataset is a line of the report, and no reason to leave out the others. */
async function verifyOne(client: ApiClient, id: string, signal: AbortSignal): Promise<VerifiedDataset> {
  try {
    const path = `/api/training/dataset/${id}/verify`;
    const { dataset_id, replicas } = await client.json<VerifiedDataset>(path, { method: 'POST', signal });
    return { dataset_id, replicas };
  } catch (error) {
    if (!(error instanceof ApiError) || error.problem.status === 401) throw error;
    return { dataset_id: id, replicas: [], error: { code: error.problem.code, message: error.problem.detail } };
  }
}

async function repair({ terminal, ...context }: CliContext, references: string[], all: boolean): Promise<void> {
  const client = await context.client();
  const datasets: Dataset[] = [];
  for await (const { id } of chosen(client, references, all)) {
    const { dataset } = await client.json<{ dataset: Dataset }>(`/api/training/dataset/${id}/repair`, {
      method: 'POST',
    });
    datasets.push(dataset);
    if (terminal.json) continue;
    const states = dataset.replicas.map(({ provider, state }) => `${provider} ${state}`).join(', ');
    printLine(terminal, `${dataset.id}  ${dataset.name}  ${states}`);
  }
  if (terminal.json) printJson(terminal, { datasets });
  else note(terminal, 'What is lacking is restored in the background. See how it goes: longshore ls');
}

async function* chosen(client: ApiClient, references: string[], all: boolean): AsyncGenerator<Dataset> {
  if (all === references.length > 0) throw new LongshoreError('usage', 'Name the datasets, or say --all.');
  if (all) yield* client.pages<Dataset>('/api/training/dataset', 'datasets', { limit: 100 });
  else for (const reference of references) yield await resolveDataset(client, reference);
}
