import { finding } from '@/lib/ingest/fatal-finding.ts';
import type { TextFormat } from '@/lib/ingest/types.ts';
import type { ByteSource } from '@/lib/streams/byte-source.ts';
import type { ContainerContext } from './container-context.ts';
import type { FramedBatch } from './framed-batch.ts';
import { RowBatcher } from './row-batcher.ts';
import { LineDocuments, ParagraphDocuments, type TextDocuments, WholeDocument } from './text-documents.ts';
import { TextLines } from './text-lines.ts';

/** Plain text: one document a line unless the caller chose paragraphs or the whole file. */
export async function* readText(source: ByteSource, context: ContainerContext): AsyncGenerator<FramedBatch> {
  const mode = context.text ?? 'raw_text';
  context.log.container.push({ type: 'txt', ...(mode !== 'raw_text' && { detail: { documents: DOCUMENTS[mode] } }) });
  const rows = new RowBatcher(context.buffers, context.frame, { cells: false });
  const documents = documentsOf(mode, rows);
  const lines = new TextLines(documents);
  for await (const chunk of source) {
    lines.push(chunk);
    yield* rows.take();
  }
  lines.finish();
  yield* rows.finish();
  const { blankLines } = documents;
  if (blankLines > 0) {
    context.log.findings.push(finding('I_BLANK_LINES', 'info', `${blankLines} blank lines were passed over.`));
  }
}

const DOCUMENTS = { raw_text: 'lines', raw_text_paragraphs: 'paragraphs', raw_text_whole: 'whole file' } as const;

function documentsOf(mode: TextFormat, rows: RowBatcher): TextDocuments {
  if (mode === 'raw_text_whole') return new WholeDocument(rows);
  return mode === 'raw_text_paragraphs' ? new ParagraphDocuments(rows) : new LineDocuments(rows);
}
