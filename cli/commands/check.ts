import { createReadStream } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import type { Command } from 'commander';
import { formatBytes, formatCount } from '@/lib/format.ts';
import type { FormatChoice, IngestOptions, IngestReport, IngestResult } from '@/lib/ingest/types.ts';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { fileSize } from '../local-file.ts';
import { findingLines, SHOWN_PER_CODE } from '../output/findings.ts';
import { paint, printJson, printLine, progressBar, type Terminal } from '../output/terminal.ts';

type Judge = (source: AsyncIterable<Uint8Array>, options: IngestOptions) => Promise<IngestResult>;

interface CheckFlags {
  format: FormatChoice;
  skip: boolean;
  all: boolean;
  maxErrorRatio?: number;
}

export function addCheck(program: Command, context: CliContext): void {
  program
    .command('check')
    .description('say what is wrong with files, exactly as an upload would; needs no server and stores nothing')
    .argument('<files...>', 'JSONL, JSON, CSV, TSV, TXT or Parquet, plain or compressed')
    .option(
      '--format <format>',
      'auto, a source format such as alpaca or sharegpt, or for plain text raw_text (a document a line), raw_text_paragraphs, raw_text_whole',
      'auto',
    )
    .option('--skip', 'leave wrong records out instead of refusing the file', false)
    .option('--max-error-ratio <share>', 'with --skip: the share of records that may be wrong, 0 to 1', Number)
    .addHelpText(
      'after',
      '\nExample: longshore check train.jsonl eval.jsonl --json\nExits 1 when a file would be refused.',
    )
    .action((files: string[], flags: CheckFlags) => check(context, files, flags));
}

async function check(context: CliContext, files: string[], flags: CheckFlags): Promise<void> {
  const sizes = await Promise.all(files.map(fileSize));
  const { checkSource } = await import('@/lib/ingest/ingest.ts');
  const { IngestPool } = await import('@/lib/ingest/pool/ingest-pool.ts');
  // This thread reads, unpacks and hashes; each further one costs a fifth of a second to start and to warm up.
  const pool = new IngestPool({ threads: Math.max(1, availableParallelism() - 1) });
  const judge: Judge = (source, options) => checkSource(source, options, pool);
  try {
    const reports: { file: string; report: IngestReport }[] = [];
    for (const [index, file] of files.entries()) {
      const report = await checkFile(context, judge, { file, size: sizes[index] ?? 0, flags });
      reports.push({ file, report });
      if (!context.terminal.json) printReport(context.terminal, { file, report, all: flags.all });
    }
    if (context.terminal.json) printJson(context.terminal, { files: reports });
    if (reports.some(({ report }) => report.outcome === 'rejected')) process.exitCode = EXIT.findings;
  } finally {
    await pool.close();
  }
}

async function checkFile(
  { terminal, signal }: CliContext,
  judge: Judge,
  { file, size, flags }: { file: string; size: number; flags: CheckFlags },
): Promise<IngestReport> {
  const bar = progressBar(terminal, basename(file), size);
  try {
    const options = {
      fileName: basename(file),
      format: flags.format,
      onError: flags.skip ? ('skip' as const) : ('fail' as const),
      maxErrorRatio: flags.maxErrorRatio,
      // Only the JSON report shows it.
      hashContent: terminal.json,
      signal,
      onProgress: ({ bytesRead }: { bytesRead: number }) => bar.update(bytesRead),
    };
    const source = createReadStream(file, { highWaterMark: 1 << 20 });
    return (await judge(source, options)).report;
  } finally {
    bar.finish();
  }
}

function printReport(
  terminal: Terminal,
  { file, report, all }: { file: string; report: IngestReport; all: boolean },
): void {
  for (const line of findingLines(report, file, all ? Number.POSITIVE_INFINITY : SHOWN_PER_CODE))
    printLine(terminal, line);
  const { records, kind } = report;
  const accepted = report.outcome === 'accepted';
  const mark = accepted ? paint(terminal, 'green', '✓') : paint(terminal, 'red', '✗');
  const formats = report.source_formats.map(({ format }) => format).join(', ');
  const verdict = accepted
    ? `${formatCount(records.written)} records, ${formats} -> ${kind}`
    : `would be refused: ${formatCount(records.rejected)} of ${formatCount(records.source)} records are wrong`;
  printLine(terminal, `${mark} ${file}  ${verdict}  (${formatBytes(report.source.size_bytes)})`);
}
