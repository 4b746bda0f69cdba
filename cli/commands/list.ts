import type { Command } from 'commander';
import { formatBytes, formatCount } from '@/lib/format.ts';
import type { Dataset } from '@/lib/http/api-types.ts';
import type { CliContext } from '../context.ts';
import { formatTable, printJson, printLine } from '../output/terminal.ts';

interface ListFlags {
  query?: string;
  provider?: string;
  limit: number;
}

export function addList(program: Command, context: CliContext): void {
  program
    .command('ls')
    .description('list datasets, newest first')
    .option('-q, --query <text>', 'only names and descriptions that contain the text')
    .option('--provider <provider>', 'only datasets with a copy there: s3, supabase, filesystem')
    .option('-n, --limit <count>', 'at most this many', Number, 50)
    .addHelpText('after', '\nExample: longshore ls -q chats --json')
    .action((flags: ListFlags) => list(context, flags));
}

async function list(context: CliContext, flags: ListFlags): Promise<void> {
  const client = await context.client();
  const datasets: Dataset[] = [];
  const query = { q: flags.query, provider: flags.provider, limit: Math.min(flags.limit, 100) };
  for await (const dataset of client.pages<Dataset>('/api/training/dataset', 'datasets', query)) {
    if (datasets.length === flags.limit) break;
    datasets.push(dataset);
  }
  if (context.terminal.json) printJson(context.terminal, { datasets });
  else printDatasets(context, datasets);
}

function printDatasets({ terminal }: CliContext, datasets: readonly Dataset[]): void {
  if (datasets.length === 0) {
    printLine(terminal, 'No datasets yet. Add one with: longshore upload FILE');
    return;
  }
  const rows = datasets.map((dataset) => [
    dataset.id,
    dataset.name,
    dataset.kind ?? dataset.status,
    formatCount(dataset.total_examples ?? 0),
    formatBytes(dataset.file_size_bytes),
    dataset.replicas
      .map((replica) => (replica.state === 'completed' ? replica.provider : `${replica.provider}(${replica.state})`))
      .join('+'),
    (dataset.created_at ?? '-').slice(0, 16).replace('T', ' '),
  ]);
  const header = ['ID', 'NAME', 'KIND', 'EXAMPLES', 'SIZE', 'COPIES', 'CREATED (UTC)'];
  for (const line of formatTable(header, rows, [3, 4])) printLine(terminal, line);
}
