import { basename } from 'node:path';
import type { Command } from 'commander';
import { formatBytes, formatCount } from '@/lib/format.ts';
import type { Dataset } from '@/lib/http/api-types.ts';
import { ApiError } from '../api-client.ts';
import type { CliContext } from '../context.ts';
import { fileSize } from '../local-file.ts';
import { note, paint, printJson, printLine, progressBar } from '../output/terminal.ts';

interface UploadFlags {
  name?: string;
  description?: string;
  format?: string;
}

export function addUpload(program: Command, context: CliContext): void {
  program
    .command('upload')
    .description('check a file, normalise it and keep it as a dataset')
    .argument('<files...>', 'JSONL, JSON, CSV, TSV, TXT or Parquet, plain or compressed')
    .option('--name <name>', "the dataset's name (default: the file's)")
    .option('--description <text>', 'what it is')
    .option(
      '--format <format>',
      'auto, a source format such as alpaca or sharegpt, or for plain text raw_text (a document a line), raw_text_paragraphs, raw_text_whole',
      'auto',
    )
    .addHelpText(
      'after',
      '\nExample: longshore upload chat.jsonl --name "support chats"\nInterrupted? The same command goes on where it stopped.',
    )
    .action((files: string[], flags: UploadFlags) => upload(context, files, flags));
}

async function upload(context: CliContext, files: string[], flags: UploadFlags): Promise<void> {
  const sizes = await Promise.all(files.map(fileSize));
  const { uploadFile } = await import('../transfer/upload.ts');
  const client = await context.client();
  const datasets: Dataset[] = [];
  for (const [index, path] of files.entries()) {
    const bar = progressBar(context.terminal, basename(path), sizes[index] ?? 0);
    try {
      const dataset = await uploadFile(client, {
        path,
        ...flags,
        onProgress: (bytes) => bar.update(bytes),
        onProcessing: () => note(context.terminal, 'checking and storing …'),
        signal: context.signal,
      });
      datasets.push(dataset);
      bar.finish();
      if (!context.terminal.json) printUploaded(context, dataset);
    } catch (error) {
      throw error instanceof ApiError ? new ApiError(error.problem, path) : error;
    } finally {
      bar.finish();
    }
  }
  if (context.terminal.json) printJson(context.terminal, { datasets });
}

function printUploaded({ terminal }: CliContext, dataset: Dataset): void {
  printLine(terminal, `${paint(terminal, 'green', '✓')} ${paint(terminal, 'bold', dataset.name)}  ${dataset.id}`);
  printLine(
    terminal,
    `  ${formatCount(dataset.total_examples ?? 0)} examples, ${dataset.format} -> ${dataset.kind}, ` +
      `${formatBytes(dataset.original_size_bytes ?? 0)} in, ${formatBytes(dataset.file_size_bytes)} stored`,
  );
  const copies = dataset.replicas.map((replica) => `${replica.provider} ${replica.state}`).join(', ');
  printLine(terminal, `  copies: ${copies}   content sha256 ${dataset.content_sha256}`);
}
