import type { RecordBatch } from '@/lib/ingest/core/contract.ts';

const LF = 0x0a;
const BATCH_BYTES = 1 << 20;
/** A file whose first value goes on beyond this is left to the server. */
const HEAD_BYTES = 64 << 10;

/** How the records of a file follow each other, where the browser can tell; the server knows many more ways. */
export type Framing = 'lines' | 'elements';

/** Undefined: something that only the server reads (CSV, Parquet, wrapped or pretty-printed JSON, other encodings). */
export function framingOf(head: Uint8Array, complete: boolean): { framing: Framing; start: number } | undefined {
  const begin = head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? 3 : 0;
  const start = skipSpace(head, begin);
  if (head[start] === 0x7b) return isObjectLine(head, start, complete) ? { framing: 'lines', start: begin } : undefined;
  if (head[start] !== 0x5b) return undefined;
  return head[skipSpace(head, start + 1)] === 0x7b && !isConversation(head, start)
    ? { framing: 'elements', start: start + 1 }
    : undefined;
}

/** JSONL, also when its first line is broken: then the next one is whole. */
function isObjectLine(head: Uint8Array, start: number, complete: boolean): boolean {
  const lines = new TextDecoder().decode(head.subarray(start)).split('\n');
  const whole = complete ? lines : lines.slice(0, -1);
  const records = whole.filter((line) => line.trim() !== '').slice(0, 2);
  return records.some(isObject) && !(records.length === 1 && complete && isWrapper(records[0] ?? ''));
}

function isObject(line: string): boolean {
  return parsed(line) !== undefined;
}

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** One object that holds an array of objects may be a wrapper around the records: the server tells. */
function isWrapper(line: string): boolean {
  return Object.values(parsed(line) ?? {}).some((value) => Array.isArray(value) && typeof value[0] === 'object');
}

/** An array of messages is one conversation, not a list of records. */
function isConversation(head: Uint8Array, start: number): boolean {
  const first = new TextDecoder().decode(head.subarray(start, start + 400));
  return /^\[\s*\{\s*"(role|from)"\s*:/.test(first);
}

export function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && isSpace(bytes[at])) at++;
  return at;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === LF || byte === 0x0d;
}

/** The first bytes of a stream, and the stream as it was. */
export async function peek(
  stream: ReadableStream<Uint8Array>,
): Promise<{ head: Uint8Array; complete: boolean; whole: AsyncGenerator<Uint8Array> }> {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  let complete = false;
  while (size < HEAD_BYTES && !complete) {
    const { value, done } = await reader.read();
    if (value !== undefined) chunks.push(value);
    size += value?.length ?? 0;
    complete = done;
  }
  return { head: joined(chunks), complete, whole: replay(chunks, reader) };
}

async function* replay(
  chunks: readonly Uint8Array[],
  reader: ReadableStreamDefaultReader<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks;
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    // A file that cannot be read has told so to the read before; giving it back can add nothing to that.
    await reader.cancel().catch(() => undefined);
  }
}

export function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

/** Cuts a stream into batches of whole records, with the numbers that findings need. */
export class Framer {
  readonly #framing: Framing;
  readonly #ends: RecordEnds;
  #open: Uint8Array[] = [];
  #openBytes = 0;
  #firstLine = 1;
  #firstRecord = 1;
  /** Bytes before the first record that are none of it: a byte order mark, the bracket of the array. */
  #skip: number;

  constructor({ framing, start }: { framing: Framing; start: number }) {
    this.#framing = framing;
    this.#ends = framing === 'lines' ? new LineEnds() : new ElementEnds();
    this.#skip = start;
  }

  /** False when the file ended inside the array of its records. */
  get closed(): boolean {
    return this.#ends.closed;
  }

  /** A batch when there is enough for one. */
  push(bytes: Uint8Array): RecordBatch | undefined {
    const chunk = this.#withoutStart(bytes);
    const end = this.#ends.lastIn(chunk);
    if (end === undefined || this.#openBytes + end < BATCH_BYTES) {
      this.#open.push(chunk);
      this.#openBytes += chunk.length;
      return undefined;
    }
    const batch = this.#batch(joined([...this.#open, chunk.subarray(0, end)]));
    this.#open = [chunk.subarray(end)];
    this.#openBytes = chunk.length - end;
    return batch;
  }

  /** What is left at the end of the file. */
  finish(): RecordBatch | undefined {
    const rest = joined(this.#open);
    const last = this.#ends.atEnd(rest);
    return last.length === 0 ? undefined : this.#batch(last);
  }

  #withoutStart(bytes: Uint8Array): Uint8Array {
    const skipped = Math.min(this.#skip, bytes.length);
    this.#skip -= skipped;
    this.#firstLine += lineFeedsIn(bytes.subarray(0, skipped));
    return bytes.subarray(skipped);
  }

  #batch(all: Uint8Array): RecordBatch {
    const from = this.#framing === 'elements' ? firstValue(all) : 0;
    const bytes = all.subarray(from);
    const firstLine = this.#firstLine + lineFeedsIn(all.subarray(0, from));
    const batch: RecordBatch = { bytes, framing: this.#framing, firstLine, firstRecord: this.#firstRecord };
    this.#firstLine += lineFeedsIn(all);
    this.#firstRecord += this.#ends.takeCount();
    return batch;
  }
}

/** Behind the comma and the space that follow the element before. */
function firstValue(bytes: Uint8Array): number {
  const at = skipSpace(bytes, 0);
  return bytes[at] === 0x2c ? skipSpace(bytes, at + 1) : at;
}

function lineFeedsIn(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, at + 1)) count++;
  return count;
}

/** Where records end. Chunks MUST come in order, each once. */
interface RecordEnds {
  readonly closed: boolean;
  /** Behind the last record that ends in the chunk. */
  lastIn(chunk: Uint8Array): number | undefined;
  /** Records that ended since the last call. */
  takeCount(): number;
  /** What of the bytes behind the last batch belongs to records. */
  atEnd(rest: Uint8Array): Uint8Array;
}

/** Blank lines are no records. */
class LineEnds implements RecordEnds {
  readonly closed = true;
  #count = 0;
  #blank = true;

  lastIn(chunk: Uint8Array): number | undefined {
    let last: number | undefined;
    for (let from = 0, at = chunk.indexOf(LF); ; from = at + 1, at = chunk.indexOf(LF, from)) {
      const end = at === -1 ? chunk.length : at;
      if (this.#blank) this.#blank = skipSpace(chunk, from) >= end;
      if (at === -1) return last;
      if (!this.#blank) this.#count++;
      this.#blank = true;
      last = at + 1;
    }
  }

  takeCount(): number {
    const count = this.#count;
    this.#count = 0;
    return count;
  }

  atEnd(rest: Uint8Array): Uint8Array {
    return rest;
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Elements of an array end where their brackets close. */
class ElementEnds implements RecordEnds {
  closed = false;
  #count = 0;
  #depth = 0;
  #inString = false;
  #escaped = false;

  lastIn(chunk: Uint8Array): number | undefined {
    let last: number | undefined;
    for (let at = 0; at < chunk.length && !this.closed; at++) {
      if (this.#step(chunk[at] ?? 0)) last = at + 1;
    }
    return last;
  }

  /** True where an element ends. */
  #step(byte: number): boolean {
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false;
      else if (byte === BACKSLASH) this.#escaped = true;
      else if (byte === QUOTE) this.#inString = false;
      return false;
    }
    if (byte === QUOTE) this.#inString = true;
    else if (byte === 0x7b || byte === 0x5b) this.#depth++;
    else if (byte === 0x7d || byte === 0x5d) return this.#close();
    return false;
  }

  #close(): boolean {
    if (this.#depth === 0) {
      this.closed = true;
      return false;
    }
    this.#depth--;
    if (this.#depth > 0) return false;
    this.#count++;
    return true;
  }

  takeCount(): number {
    const count = this.#count;
    this.#count = 0;
    return count;
  }

  /** Behind the last element only the bracket of the array may stand. */
  atEnd(rest: Uint8Array): Uint8Array {
    if (this.#count === 0) return rest.subarray(0, 0);
    const end = rest.lastIndexOf(0x7d);
    return rest.subarray(0, end + 1);
  }
}
