import { FatalFinding, finding } from '@/lib/ingest/fatal-finding.ts';
import type { ByteSource } from '@/lib/streams/byte-source.ts';
import type { ContainerContext } from './container-context.ts';
import { type CsvHeader, readCsvHeader } from './csv-header.ts';
import { CsvReader } from './csv-reader.ts';
import type { FramedBatch, ScanLog } from './framed-batch.ts';
import { RowBatcher } from './row-batcher.ts';

const HEADER_BYTES = 64 << 10;

/** CSV or TSV with a header: one record a row, all cells strings. */
export async function* readCsv(
  source: ByteSource,
  context: ContainerContext,
  { tabs }: { tabs: boolean },
): AsyncGenerator<FramedBatch> {
  const header = readCsvHeader((await source.peek(HEADER_BYTES)).subarray(0, HEADER_BYTES), { tabs });
  const type = header.delimiter === '\t' ? 'tsv' : 'csv';
  context.log.container.push({ type, detail: { delimiter: header.delimiter, columns: header.names.length } });
  reportHeader(header, context.log);
  await source.take(header.sizeBytes);
  const rows = new RowBatcher(context.buffers, context.frame, { cells: true });
  const delimiter = header.delimiter.charCodeAt(0);
  const reader = new CsvReader(rows, { names: header.names, delimiter, firstLine: header.firstLine });
  for await (const chunk of source) {
    reader.push(chunk);
    yield* rows.take();
  }
  const unendedQuote = reader.finish();
  yield* rows.finish();
  if (unendedQuote !== undefined) throw unterminated(unendedQuote);
  if (reader.blankLines > 0) {
    context.log.findings.push(finding('I_BLANK_LINES', 'info', `${reader.blankLines} blank lines were passed over.`));
  }
}

function reportHeader(header: CsvHeader, log: ScanLog): void {
  if (header.guessed) {
    const name = header.delimiter === '\t' ? 'tab' : `"${header.delimiter}"`;
    const hint = 'If that is wrong, export the file with commas, or name it .tsv for tabs.';
    log.findings.push(
      finding('W_CSV_DELIMITER', 'warning', `The columns are separated by ${name}.`, { line: 1, hint }),
    );
  }
  for (const name of header.lowered) {
    const message = `The column ${JSON.stringify(name)} was read as ${JSON.stringify(name.toLowerCase())}.`;
    log.findings.push(
      finding('W_KEY_CASE', 'warning', message, { line: 1, hint: 'Write column names in lower case.' }),
    );
  }
}

function unterminated(line: number): FatalFinding {
  return new FatalFinding('E_CSV_QUOTE', 'A quoted cell that opens here is never closed.', {
    line,
    hint: 'Close it, or double the quotes inside of quoted cells.',
  });
}
