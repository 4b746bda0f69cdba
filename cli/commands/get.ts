import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { LongshoreError } from '@/lib/errors.ts';
import { formatBytes } from '@/lib/format.ts';
import type { DownloadLocation } from '@/lib/http/api-types.ts';
import type { CliContext } from '../context.ts';
import { paint, printJson, printLine, progressBar } from '../output/terminal.ts';
import { resolveDataset } from '../resolve-dataset.ts';
import { downloadDataset } from '../transfer/download.ts';

interface GetFlags {
  output?: string;
  decompress: boolean;
  force: boolean;
}

export function addGet(program: Command, context: CliContext): void {
  program
    .command('get')
    .description('fetch a dataset and verify its hash')
    .argument('<dataset>', 'id or exact name')
    .option('-o, --output <file>', 'where to write it (default: ID.jsonl.gz, or ID.jsonl with --decompress)')
    .option('-d, --decompress', 'write plain JSONL', false)
    .option('-f, --force', 'replace an existing file', false)
    .addHelpText(
      'after',
      '\nExample: longshore get "support chats" --decompress -o chats.jsonl\nInterrupted? The same command goes on where it stopped.',
    )
    .action((reference: string, flags: GetFlags) => get(context, reference, flags));
}

async function get(context: CliContext, reference: string, flags: GetFlags): Promise<void> {
  const client = await context.client();
  const dataset = await resolveDataset(client, reference);
  const destination = flags.output ?? `${dataset.id}.jsonl${flags.decompress ? '' : '.gz'}`;
  if (existsSync(destination) && !flags.force) {
    throw new LongshoreError('file_exists', `${destination} is there already.`, {
      hint: 'Choose another with -o, or replace it with --force.',
    });
  }
  const bar = progressBar(context.terminal, dataset.name, dataset.file_size_bytes ?? 0);
  try {
    const { decompress } = flags;
    await downloadDataset(client, dataset, {
      destination,
      decompress,
      onProgress: (bytes) => bar.update(bytes),
      signal: context.signal,
    });
  } finally {
    bar.finish();
  }
  const sha256 = flags.decompress ? dataset.content_sha256 : dataset.object_sha256;
  if (context.terminal.json) return printJson(context.terminal, { dataset_id: dataset.id, file: destination, sha256 });
  const size = formatBytes((flags.decompress ? dataset.content_size_bytes : dataset.file_size_bytes) ?? 0);
  printLine(
    context.terminal,
    `${paint(context.terminal, 'green', '✓')} ${destination}  ${size}, sha256 verified ${sha256}`,
  );
}

export function addUrl(program: Command, context: CliContext): void {
  program
    .command('url')
    .description('print a short-lived URL from which anyone who has it can read the dataset')
    .argument('<dataset>', 'id or exact name')
    .option('--expires <seconds>', 'how long it works, at most 7200', Number)
    .addHelpText('after', '\nExample: curl -o data.jsonl.gz "$(longshore url ID)"')
    .action(async (reference: string, flags: { expires?: number }) => {
      const client = await context.client();
      const { id } = await resolveDataset(client, reference);
      const location = await client.json<DownloadLocation>(`/api/training/dataset/${id}/download-url`, {
        query: { expires_in: flags.expires },
      });
      if (location.token === 'filesystem-signed' && (await context.ownServer())) throw noServer();
      if (context.terminal.json) printJson(context.terminal, location);
      else printLine(context.terminal, location.url);
    });
}

/** A URL of the local disk is served by Longshore itself: without a server that stays, it would lead nowhere. */
function noServer(): LongshoreError {
  return new LongshoreError('server_not_running', 'No server is running, so nothing would answer at such a URL.', {
    hint: 'Start one with: longshore serve. Or fetch the dataset right now with: longshore get',
  });
}
