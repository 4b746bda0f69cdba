import type { RowBatcher } from './row-batcher.ts';

const QUOTE = 0x22;
const CR = 13;
const LF = 10;

/** Where in a row the reader stands. */
type State = 'cellStart' | 'plain' | 'quoted' | 'quoteInQuoted' | 'afterQuoted' | 'carriageReturn';

const CLOSE_CELL = Buffer.from('"');
const CLOSE_ROW = Buffer.from('}\n');

const RAGGED_HINT = 'Quote cells that hold the delimiter, quotes or line feeds. Cells are never shifted or filled in.';
const STRAY_QUOTE = {
  code: 'E_CSV_QUOTE',
  message: 'Text follows the closing quote of a cell.',
  hint: 'Double the quotes inside of a quoted cell: "say ""hello""".',
};

/**
 * RFC 4180 over any chunks, straight from bytes to JSON lines: every cell is a string, exactly as it stands. A row with
 * the wrong number of cells is an error of its own and never shifts columns.
 */
export class CsvReader {
  readonly #rows: RowBatcher;
  readonly #delimiter: number;
  /** `{"name":"` for the first column, `,"name":"` for the others. */
  readonly #openCell: readonly Uint8Array[];
  #state: State = 'cellStart';
  #line: number;
  #rowLine: number;
  #quoteLine = 0;
  #cell = 0;
  #rowIsEmpty = true;
  #strayQuote = false;
  blankLines = 0;

  constructor(rows: RowBatcher, header: { names: readonly string[]; delimiter: number; firstLine: number }) {
    this.#rows = rows;
    this.#delimiter = header.delimiter;
    this.#openCell = header.names.map((name, i) => Buffer.from(`${i === 0 ? '{' : ','}${JSON.stringify(name)}:"`));
    this.#line = header.firstLine;
    this.#rowLine = header.firstLine;
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.byteLength) at = this.#step(chunk, at);
  }

  /** Gives the line of the opening quote when the file ends inside of it. */
  finish(): number | undefined {
    if (this.#state === 'quoted') return this.#quoteLine;
    if (this.#state === 'carriageReturn') this.#endLine();
    else if (!this.#rowIsEmpty || this.#cell > 0) this.#endRow();
    return undefined;
  }

  #step(chunk: Uint8Array, at: number): number {
    switch (this.#state) {
      case 'cellStart':
        return this.#startCell(chunk, at);
      case 'plain':
        return this.#readPlain(chunk, at);
      case 'quoted':
        return this.#readQuoted(chunk, at);
      case 'quoteInQuoted':
        return this.#afterQuote(chunk, at);
      case 'afterQuoted':
        this.#strayQuote = true;
        this.#state = 'plain';
        return at;
      case 'carriageReturn':
        return this.#afterCarriageReturn(chunk, at);
    }
  }

  #startCell(chunk: Uint8Array, at: number): number {
    const open = this.#openCell[this.#cell];
    if (open !== undefined) this.#rows.raw(open);
    if (chunk[at] !== QUOTE) {
      this.#state = 'plain';
      return at;
    }
    this.#state = 'quoted';
    this.#quoteLine = this.#line;
    this.#rowIsEmpty = false;
    return at + 1;
  }

  #readPlain(chunk: Uint8Array, from: number): number {
    let at = from;
    while (at < chunk.byteLength && !this.#endsPlain(chunk[at])) at++;
    this.#text(chunk, from, at);
    return at === chunk.byteLength ? at : this.#delimit(chunk[at], at);
  }

  #endsPlain(byte: number | undefined): boolean {
    return byte === this.#delimiter || byte === LF || byte === CR;
  }

  /** At a delimiter or line end outside of quotes. */
  #delimit(byte: number | undefined, at: number): number {
    if (byte === this.#delimiter) this.#endCell();
    else if (byte === CR) this.#state = 'carriageReturn';
    else this.#endLine();
    return at + 1;
  }

  #readQuoted(chunk: Uint8Array, from: number): number {
    let at = from;
    while (at < chunk.byteLength && chunk[at] !== QUOTE) {
      if (chunk[at] === LF) this.#line++;
      at++;
    }
    this.#text(chunk, from, at);
    if (at < chunk.byteLength) this.#state = 'quoteInQuoted';
    return at + 1;
  }

  #afterQuote(chunk: Uint8Array, at: number): number {
    if (chunk[at] === QUOTE) {
      this.#text(chunk, at, at + 1);
      this.#state = 'quoted';
      return at + 1;
    }
    this.#state = 'afterQuoted';
    return this.#endsPlain(chunk[at]) ? this.#delimit(chunk[at], at) : at;
  }

  /** A CR that no LF follows belongs to the cell. */
  #afterCarriageReturn(chunk: Uint8Array, at: number): number {
    if (chunk[at] === LF) {
      this.#endLine();
      return at + 1;
    }
    this.#text(CARRIAGE_RETURN, 0, 1);
    this.#state = 'plain';
    return at;
  }

  #text(bytes: Uint8Array, from: number, to: number): void {
    if (from === to) return;
    this.#rowIsEmpty = false;
    if (this.#cell < this.#openCell.length) this.#rows.text(bytes, from, to);
  }

  #endCell(): void {
    if (this.#cell < this.#openCell.length) this.#rows.raw(CLOSE_CELL);
    this.#cell++;
    this.#state = 'cellStart';
  }

  #endLine(): void {
    if (this.#cell === 0 && this.#rowIsEmpty) {
      this.blankLines++;
      this.#rows.forgetRow();
    } else {
      this.#endRow();
    }
    this.#line++;
    this.#startRow();
  }

  #endRow(): void {
    // A delimiter at the very end leaves an empty last cell that was never started.
    if (this.#state === 'cellStart') this.#startCell(NOTHING, 0);
    this.#endCell();
    const expected = this.#openCell.length;
    if (this.#strayQuote) this.#rows.rejectRow(this.#rowLine, STRAY_QUOTE);
    else if (this.#cell !== expected) this.#rows.rejectRow(this.#rowLine, ragged(this.#cell, expected));
    else {
      this.#rows.raw(CLOSE_ROW);
      this.#rows.endRow(this.#rowLine);
    }
  }

  #startRow(): void {
    this.#rowLine = this.#line;
    this.#cell = 0;
    this.#rowIsEmpty = true;
    this.#strayQuote = false;
    this.#state = 'cellStart';
  }
}

const CARRIAGE_RETURN = Uint8Array.of(CR);
const NOTHING = new Uint8Array(0);

function ragged(found: number, expected: number) {
  return { code: 'E_CSV_RAGGED', message: `The row has ${found} cells, the header ${expected}.`, hint: RAGGED_HINT };
}
