import type { Command } from 'commander';
import { LongshoreError } from '@/lib/errors.ts';
import type { ApiClient, DatasetView } from '../api-client.ts';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { printJson, printLine } from '../output/terminal.ts';
import { resolveDataset } from '../resolve-dataset.ts';

/** One replica, read back: `=` same, `-` missing, `*` differs, `!` could not be read. */
interface CheckedReplica {
  provider: string;
  bucket: string;
  key: string;
  mark: '=' | '-' | '*' | '!';
  message: string | null;
}

interface VerifyResult {
  dataset_id: string;
  replicas: CheckedReplica[];
}

export function addVerify(program: Command, context: CliContext): void {
  program
    .command('verify')
    .description('read copies back and compare their hashes: = same, - missing, * differs, ! error')
    .argument('[datasets...]', 'ids or exact names')
    .option('--all', 'every dataset you have', false)
    .addHelpText('after', '\nExample: longshore verify --all --json\nExits 1 when any copy is not the same.')
    .action((references: string[], flags: { all: boolean }) => verify(context, references, flags.all));
}

async function verify({ terminal, ...context }: CliContext, references: string[], all: boolean): Promise<void> {
  if (all === references.length > 0) {
    throw new LongshoreError('usage', 'Name the datasets to verify, or say --all.');
  }
  const client = await context.client();
  const results: VerifyResult[] = [];
  for await (const dataset of chosen(client, references, all)) {
    const result = await client.json<VerifyResult>(`/api/training/dataset/${dataset.id}/verify`, {
      method: 'POST',
      signal: context.signal,
    });
    results.push(result);
    if (terminal.json) continue;
    for (const replica of result.replicas) {
      const problem = replica.message === null ? '' : `  ${replica.message}`;
      printLine(
        terminal,
        `${replica.mark} ${dataset.id}  ${replica.provider}  ${replica.bucket}/${replica.key}${problem}`,
      );
    }
  }
  if (terminal.json) printJson(terminal, { results });
  if (results.some((result) => result.replicas.some((replica) => replica.mark !== '=')))
    process.exitCode = EXIT.findings;
}

async function* chosen(client: ApiClient, references: string[], all: boolean): AsyncGenerator<DatasetView> {
  if (all) yield* client.pages<DatasetView>('/api/training/dataset', 'datasets', { limit: 100 });
  else for (const reference of references) yield await resolveDataset(client, reference);
}
