import { asBuffer } from '@/lib/streams/digest.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;

/** What a byte means outside of strings. Zero: part of a scalar. */
const SPACE = 1;
const OPEN = 2;
const CLOSE = 3;
const STRING = 4;
const SEPARATOR = 5;
const MEANING = new Uint8Array(256);
for (const byte of [0x20, 0x09, 0x0a, 0x0d]) MEANING[byte] = SPACE;
for (const byte of [0x7b, 0x5b]) MEANING[byte] = OPEN;
for (const byte of [0x7d, 0x5d]) MEANING[byte] = CLOSE;
MEANING[QUOTE] = STRING;
MEANING[COMMA] = SEPARATOR;

/** A string this long is left to the native search for its end. */
const SHORT_STRING_BYTES = 24;

/** Where a scan stopped. `at` is the position of the byte that was met, or for `valueEnd` the first byte after the value. */
export interface ScanStop {
  event: 'chunkEnd' | 'valueStart' | 'valueEnd' | 'separator' | 'close';
  at: number;
}

/**
 * Finds where JSON values begin and end by brackets and quotes alone, over any chunks, without judging them: that is the
 * core's task. Nesting costs no memory. Stops only at events between and at the ends of top-level values.
 */
export class StructureScanner {
  #depth = 0;
  #inString = false;
  #escaped = false;
  #inScalar = false;

  /** True in the middle of a value. */
  get inValue(): boolean {
    return this.#depth > 0 || this.#inString || this.#inScalar;
  }

  /** True in a string: what follows can not be structure. */
  get inString(): boolean {
    return this.#inString;
  }

  /** Scans from `from` to the next event. */
  next(bytes: Uint8Array, from: number): ScanStop {
    const chunk = asBuffer(bytes);
    let at = from;
    while (at < chunk.length) {
      if (this.#inString) {
        at = this.#skipString(chunk, at);
        if (!this.#inString && this.#depth === 0) return { event: 'valueEnd', at };
      } else if (this.#depth > 0) {
        at = this.#skipNested(chunk, at);
        if (this.#depth === 0) return { event: 'valueEnd', at };
      } else {
        const stop = this.#topLevel(chunk, at);
        if (stop !== undefined) return stop;
        at++;
      }
    }
    return { event: 'chunkEnd', at };
  }

  /** Enters the value that a `valueStart` event announced. */
  enter(byte: number): void {
    const meaning = MEANING[byte];
    if (meaning === OPEN) this.#depth = 1;
    else if (meaning === STRING) this.#inString = true;
    else this.#inScalar = true;
  }

  /** Leaves a value that the caller has dealt with itself. */
  leave(): void {
    this.#depth = 0;
    this.#inString = false;
    this.#inScalar = false;
  }

  #topLevel(chunk: Buffer, at: number): ScanStop | undefined {
    const meaning = MEANING[chunk[at] ?? 0];
    if (this.#inScalar) {
      if (meaning === 0) return undefined;
      this.#inScalar = false;
      return { event: 'valueEnd', at };
    }
    if (meaning === SPACE) return undefined;
    if (meaning === SEPARATOR) return { event: 'separator', at };
    return { event: meaning === CLOSE ? 'close' : 'valueStart', at };
  }

  /** Between the strings of a value: up to a quote, or to the bracket that ends the value. */
  #skipNested(chunk: Buffer, from: number): number {
    const end = chunk.length;
    let depth = this.#depth;
    let at = from;
    while (at < end && depth > 0) {
      const meaning = MEANING[chunk[at++] ?? 0];
      if (meaning === STRING) {
        this.#inString = true;
        break;
      }
      if (meaning === OPEN) depth++;
      else if (meaning === CLOSE) depth--;
    }
    this.#depth = depth;
    return at;
  }

  /** From inside a string to after its closing quote. */
  #skipString(chunk: Buffer, from: number): number {
    let at = from;
    if (this.#escaped) {
      this.#escaped = false;
      at++;
    }
    const near = Math.min(chunk.length, at + SHORT_STRING_BYTES);
    while (at < near) {
      const byte = chunk[at++];
      if (byte === QUOTE) return this.#endString(at);
      if (byte === BACKSLASH && at++ === chunk.length) this.#escaped = true;
    }
    return at >= chunk.length ? chunk.length : this.#searchStringEnd(chunk, at);
  }

  #searchStringEnd(chunk: Buffer, from: number): number {
    let at = from;
    for (let quote = chunk.indexOf(QUOTE, at); quote !== -1; quote = chunk.indexOf(QUOTE, at)) {
      if (backslashesBefore(chunk, quote, from) % 2 === 0) return this.#endString(quote + 1);
      at = quote + 1;
    }
    this.#escaped = backslashesBefore(chunk, chunk.length, from) % 2 === 1;
    return chunk.length;
  }

  #endString(at: number): number {
    this.#inString = false;
    return at;
  }
}

function backslashesBefore(chunk: Buffer, position: number, from: number): number {
  let at = position;
  while (at > from && chunk[at - 1] === BACKSLASH) at--;
  return position - at;
}
