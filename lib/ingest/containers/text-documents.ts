import type { RowBatcher } from './row-batcher.ts';

/** What makes documents of lines of text. */
export interface TextDocuments {
  /** Blank lines that are in no document. */
  readonly blankLines: number;
  /** A piece of the current line, without its end. */
  text(bytes: Uint8Array, start: number, end: number): void;
  /** The current line is complete; `end` are the bytes that ended it, none at the end of the file. */
  endLine(end: Uint8Array): void;
  finish(): void;
}

const OPEN = Buffer.from('{"text":"');
const CLOSE = Buffer.from('"}\n');
const NOTHING = new Uint8Array(0);

function isBlank(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if ((bytes[at] ?? 0) > 0x20) return false;
  return true;
}

/** One document a line, blank lines left out. */
export class LineDocuments implements TextDocuments {
  blankLines = 0;
  readonly #rows: RowBatcher;
  #line = 1;
  #lineIsBlank = true;

  constructor(rows: RowBatcher) {
    this.#rows = rows;
  }

  text(bytes: Uint8Array, start: number, end: number): void {
    if (this.#rows.rowBytes === 0) this.#rows.raw(OPEN);
    this.#rows.text(bytes, start, end);
    this.#lineIsBlank &&= isBlank(bytes, start, end);
  }

  endLine(): void {
    if (this.#lineIsBlank) {
      this.blankLines++;
      this.#rows.forgetRow();
    } else {
      this.#rows.raw(CLOSE);
      this.#rows.endRow(this.#line);
    }
    this.#line++;
    this.#lineIsBlank = true;
  }

  finish(): void {}
}

/**
 * One document a block of lines, with the line ends inside it as they are. Blank lines, which may hold white space,
 * separate documents and are in none; so is the line end before them.
 */
export class ParagraphDocuments implements TextDocuments {
  blankLines = 0;
  readonly #rows: RowBatcher;
  #line = 1;
  #lineIsBlank = true;
  /** What the row held before the current line; undefined when nothing of the line was written. */
  #before: number | undefined;
  /** The first line of the document; undefined between documents. */
  #firstLine: number | undefined;
  #lastEnd: Uint8Array = NOTHING;

  constructor(rows: RowBatcher) {
    this.#rows = rows;
  }

  text(bytes: Uint8Array, start: number, end: number): void {
    if (this.#before === undefined) this.#startLine();
    this.#rows.text(bytes, start, end);
    this.#lineIsBlank &&= isBlank(bytes, start, end);
  }

  endLine(end: Uint8Array): void {
    if (this.#lineIsBlank) this.#separate();
    else this.#firstLine ??= this.#line;
    this.#lastEnd = end;
    this.#before = undefined;
    this.#lineIsBlank = true;
    this.#line++;
  }

  finish(): void {
    this.#endDocument();
  }

  #startLine(): void {
    this.#before = this.#rows.rowBytes;
    if (this.#firstLine === undefined) this.#rows.raw(OPEN);
    else this.#rows.text(this.#lastEnd, 0, this.#lastEnd.byteLength);
  }

  #separate(): void {
    this.blankLines++;
    if (this.#firstLine === undefined) {
      this.#rows.forgetRow();
      return;
    }
    this.#rows.rewindRow(this.#before ?? this.#rows.rowBytes);
    this.#endDocument();
  }

  #endDocument(): void {
    if (this.#firstLine === undefined) return;
    this.#rows.raw(CLOSE);
    this.#rows.endRow(this.#firstLine);
    this.#firstLine = undefined;
  }
}

/** The file as it is, to its last line end, is one document. A file of white space alone is none. */
export class WholeDocument implements TextDocuments {
  readonly blankLines = 0;
  readonly #rows: RowBatcher;
  #isOpen = false;
  #isBlank = true;

  constructor(rows: RowBatcher) {
    this.#rows = rows;
  }

  text(bytes: Uint8Array, start: number, end: number): void {
    if (!this.#isOpen) this.#rows.raw(OPEN);
    this.#isOpen = true;
    this.#rows.text(bytes, start, end);
    this.#isBlank &&= isBlank(bytes, start, end);
  }

  endLine(end: Uint8Array): void {
    this.text(end, 0, end.byteLength);
  }

  finish(): void {
    if (this.#isBlank) {
      this.#rows.forgetRow();
      return;
    }
    this.#rows.raw(CLOSE);
    this.#rows.endRow(1);
  }
}
