import type { Command } from 'commander';
import { formatBytes, formatCount } from '@/lib/format.ts';
import type { CliContext } from '../context.ts';
import { printJson, printLine } from '../output/terminal.ts';
import { resolveDataset } from '../resolve-dataset.ts';

export function addRemove(program: Command, context: CliContext): void {
  program
    .command('rm')
    .description('delete datasets and all their copies (only tells what would go, unless --apply)')
    .argument('<datasets...>', 'ids or exact names')
    .option('--apply', 'really delete', false)
    .addHelpText('after', '\nExample: longshore rm "old chats" --apply')
    .action((references: string[], flags: { apply: boolean }) => remove(context, references, flags.apply));
}

async function remove({ terminal, ...context }: CliContext, references: string[], apply: boolean): Promise<void> {
  const client = await context.client();
  const datasets = await Promise.all(references.map((reference) => resolveDataset(client, reference)));
  if (apply) {
    for (const { id } of datasets) await client.json(`/api/training/dataset/${id}`, { method: 'DELETE' });
  }
  if (terminal.json)
    return printJson(terminal, { applied: apply, datasets: datasets.map(({ id, name }) => ({ id, name })) });
  for (const dataset of datasets) {
    const what = `${dataset.name}  ${dataset.id}  ${formatCount(dataset.total_examples ?? 0)} examples, ${formatBytes(dataset.file_size_bytes)}`;
    const copies = dataset.replicas.length === 1 ? '1 copy' : `${dataset.replicas.length} copies`;
    printLine(terminal, `${apply ? 'deleted' : 'would delete'}  ${what}, ${copies}`);
  }
  if (!apply) printLine(terminal, 'Nothing was deleted. Add --apply to do it; it cannot be undone.');
}
