import { finding } from '@/lib/ingest/fatal-finding.ts';
import type { ByteSource } from '@/lib/streams/byte-source.ts';
import { asBuffer } from '@/lib/streams/digest.ts';
import type { ContainerContext } from './container-context.ts';
import type { FramedBatch } from './framed-batch.ts';
import { RowBatcher } from './row-batcher.ts';

const LF = 10;
const CR = 13;
const OPEN = Buffer.from('{"text":"');
const CLOSE = Buffer.from('"}\n');
const ONE_CR = Uint8Array.of(CR);

/** Plain text: one document a line, blank lines left out. */
export async function* readText(source: ByteSource, context: ContainerContext): AsyncGenerator<FramedBatch> {
  context.log.container.push({ type: 'txt' });
  const rows = new RowBatcher(context.buffers, context.frame, { cells: false });
  const reader = new TextReader(rows);
  for await (const chunk of source) {
    reader.push(chunk);
    yield* rows.take();
  }
  reader.finish();
  yield* rows.finish();
  if (reader.blankLines > 0) {
    context.log.findings.push(finding('I_BLANK_LINES', 'info', `${reader.blankLines} blank lines were passed over.`));
  }
}

class TextReader {
  readonly #rows: RowBatcher;
  #line = 1;
  #open = false;
  #isBlank = true;
  /** A CR at the end of a chunk: part of the line end only if LF follows. */
  #heldCr = false;
  blankLines = 0;

  constructor(rows: RowBatcher) {
    this.#rows = rows;
  }

  push(bytes: Uint8Array): void {
    const chunk = asBuffer(bytes);
    let start = 0;
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, start)) {
      if (end === start) this.#heldCr = false;
      this.#append(chunk, start, end > start && chunk[end - 1] === CR ? end - 1 : end);
      this.#endLine();
      start = end + 1;
    }
    if (start === chunk.byteLength) return;
    const endsWithCr = chunk[chunk.byteLength - 1] === CR;
    this.#append(chunk, start, endsWithCr ? chunk.byteLength - 1 : chunk.byteLength);
    this.#heldCr = endsWithCr;
  }

  finish(): void {
    this.#heldCr = false;
    if (this.#open) this.#endLine();
  }

  #append(chunk: Buffer, start: number, end: number): void {
    if (!this.#open) this.#rows.raw(OPEN);
    this.#open = true;
    if (this.#heldCr) this.#rows.text(ONE_CR, 0, 1);
    this.#heldCr = false;
    this.#rows.text(chunk, start, end);
    if (this.#isBlank) this.#isBlank = chunk.subarray(start, end).every((byte) => byte <= 0x20);
  }

  #endLine(): void {
    if (this.#isBlank) {
      this.blankLines++;
      this.#rows.forgetRow();
    } else {
      this.#rows.raw(CLOSE);
      this.#rows.endRow(this.#line);
    }
    this.#line++;
    this.#open = false;
    this.#isBlank = true;
  }
}
