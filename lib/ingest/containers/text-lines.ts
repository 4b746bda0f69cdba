import { asBuffer } from '@/lib/streams/digest.ts';
import type { TextDocuments } from './text-documents.ts';

const LF = 10;
const CR = 13;
const ONE_CR = Uint8Array.of(CR);

/** Tells lines of text piece by piece, over any chunks. They end at LF or CR LF; a lone CR belongs to the line. */
export class TextLines {
  readonly #documents: TextDocuments;
  /** Something of the line was told. */
  #open = false;
  /** A CR at the end of a chunk: part of the line end only if LF follows. */
  #heldCr = false;

  constructor(documents: TextDocuments) {
    this.#documents = documents;
  }

  push(bytes: Uint8Array): void {
    const chunk = asBuffer(bytes);
    let start = 0;
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, start)) {
      this.#endAt(chunk, start, end);
      start = end + 1;
    }
    if (start === chunk.byteLength) return;
    const endsWithCr = chunk[chunk.byteLength - 1] === CR;
    this.#tell(chunk, start, endsWithCr ? chunk.byteLength - 1 : chunk.byteLength);
    this.#heldCr = endsWithCr;
  }

  /** The end of the file. A CR there is a lone one. */
  finish(): void {
    if (this.#heldCr) this.#documents.text(ONE_CR, 0, 1);
    if (this.#open) this.#documents.endLine(NO_END);
    this.#documents.finish();
  }

  #endAt(chunk: Buffer, start: number, end: number): void {
    const crlf = end > start ? chunk[end - 1] === CR : this.#heldCr;
    if (end === start) this.#heldCr = false;
    this.#tell(chunk, start, crlf && end > start ? end - 1 : end);
    this.#documents.endLine(crlf ? CRLF_END : LF_END);
    this.#open = false;
  }

  #tell(chunk: Buffer, start: number, end: number): void {
    this.#open = true;
    if (this.#heldCr) this.#documents.text(ONE_CR, 0, 1);
    this.#heldCr = false;
    this.#documents.text(chunk, start, end);
  }
}

const NO_END = new Uint8Array(0);
const LF_END = Uint8Array.of(LF);
const CRLF_END = Uint8Array.of(CR, LF);
