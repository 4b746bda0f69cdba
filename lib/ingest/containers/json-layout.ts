import { isMessage, isSpace, type Member, membersOf, skipSpace, valueEnd } from './json-walk.ts';

/** How the JSON of a file is laid out. */
export type JsonLayout =
  /** `single`: one line is the whole file. */
  | { type: 'lines'; single?: boolean }
  /** Elements of one array; `start` is the position after its bracket. */
  | { type: 'array'; start: number }
  /** Values one after the other, or a single one. */
  | { type: 'values'; several: boolean }
  /** An object around one array of records; `start` is the position after the array's bracket. */
  | { type: 'wrapper'; key: string; start: number }
  | { type: 'ambiguous'; keys: string[] };

const OPEN_OBJECT = 0x7b;
const OPEN_ARRAY = 0x5b;
const LF = 0x0a;

/** Keys under which exporters put the records of a whole file. */
const WRAPPER_KEYS = ['data', 'examples', 'train', 'rows', 'records', 'conversations'];

/**
 * Tells the layout from the head of the file: dataset-formats section 3 with T35 to T42. `complete` says that the head is
 * the whole file. Undefined: a longer head would tell more.
 */
export function jsonLayout(head: Uint8Array, complete: boolean): JsonLayout | undefined {
  const start = skipSpace(head, 0);
  const first = new FirstValue(head, start, complete);
  if (head[start] === OPEN_ARRAY) return arrayLayout(first);
  if (head[start] === OPEN_OBJECT) return objectLayout(first);
  return { type: 'lines' };
}

/** The layout where the head ends before the first value does, and no more of it will be looked at. */
export function jsonLayoutOfLongValue(head: Uint8Array): JsonLayout {
  const start = skipSpace(head, 0);
  if (head[start] === OPEN_ARRAY) return openArrayLayout(new FirstValue(head, start, false));
  const wrapper = wrapperLayout(head, start);
  if (wrapper !== undefined) return wrapper;
  return head.indexOf(LF, start) === -1 ? { type: 'lines' } : { type: 'values', several: false };
}

/** The first value of a file and what surrounds it. */
class FirstValue {
  readonly head: Uint8Array;
  readonly start: number;
  readonly end: number | undefined;
  readonly complete: boolean;

  constructor(head: Uint8Array, start: number, complete: boolean) {
    this.head = head;
    this.start = start;
    this.end = valueEnd(head, start);
    this.complete = complete;
  }

  /** Where the line of the value's first byte ends; the head's end when no line ends in it. */
  get lineEnd(): number {
    const lineFeed = this.head.indexOf(LF, this.start);
    return lineFeed === -1 ? this.head.byteLength : lineFeed;
  }

  get onOneLine(): boolean {
    return this.end !== undefined && this.end <= this.lineEnd;
  }

  /** The next byte that is no space after the value. */
  get follower(): number | undefined {
    return this.end === undefined ? undefined : this.head[skipSpace(this.head, this.end)];
  }

  get nothingFollows(): boolean {
    return this.follower === undefined;
  }

  /** True when something else than space follows on the line where the value ends. */
  get sharesItsLine(): boolean {
    if (this.end === undefined) return false;
    const next = skipSpace(this.head, this.end);
    return next < this.head.byteLength && this.head.subarray(this.end, next).indexOf(LF) === -1;
  }
}

function objectLayout(first: FirstValue): JsonLayout | undefined {
  const { head, start, end, complete } = first;
  if (end === undefined) {
    if (brokenFirstLine(first)) return { type: 'lines' };
    return complete ? unendedObject(first) : undefined;
  }
  if (first.nothingFollows) {
    if (!complete) return undefined;
    return (
      wrapperLayout(head, start) ??
      (first.onOneLine ? { type: 'lines', single: true } : { type: 'values', several: false })
    );
  }
  if (first.sharesItsLine) {
    const concatenated = first.follower === OPEN_OBJECT || first.follower === OPEN_ARRAY || !first.onOneLine;
    return concatenated ? { type: 'values', several: true } : { type: 'lines' };
  }
  return first.onOneLine || brokenFirstLine(first) ? { type: 'lines' } : { type: 'values', several: true };
}

/** The whole file is the beginning of one object: a cut download of a wrapper, or of a record. */
function unendedObject({ head, start }: FirstValue): JsonLayout {
  return wrapperLayout(head, start) ?? { type: 'values', several: false };
}

/**
 * JSONL whose first line is damaged looks like the start of a pretty-printed object. The next line tells: in JSONL it is
 * a whole object, and the line before does not lead up to it.
 */
function brokenFirstLine({ head, start, lineEnd }: FirstValue): boolean {
  const next = skipSpace(head, lineEnd);
  if (head[next] !== OPEN_OBJECT || next === lineEnd) return false;
  const last = lastByteBefore(head, lineEnd);
  if (last === undefined || last < start || '[,{:'.includes(String.fromCharCode(head[last] ?? 0))) return false;
  const end = valueEnd(head, next);
  const nextLineEnd = head.indexOf(LF, next);
  return end !== undefined && (nextLineEnd === -1 || end <= nextLineEnd) && head[skipSpace(head, end)] !== 0x2c;
}

function lastByteBefore(bytes: Uint8Array, position: number): number | undefined {
  let at = position - 1;
  while (at >= 0 && isSpace(bytes[at])) at--;
  return at < 0 ? undefined : at;
}

function arrayLayout(first: FirstValue): JsonLayout | undefined {
  if (first.end === undefined) return first.complete ? openArrayLayout(first) : undefined;
  if (first.nothingFollows) return first.complete ? closedArrayLayout(first) : undefined;
  const conversation = isMessage(first.head, skipSpace(first.head, first.start + 1));
  if (first.follower === OPEN_ARRAY || conversation) {
    return first.onOneLine && !first.sharesItsLine ? { type: 'lines' } : { type: 'values', several: true };
  }
  return { type: 'array', start: first.start + 1 };
}

/** One array is the whole file: records, unless its elements are the messages of one conversation. */
function closedArrayLayout({ head, start, onOneLine }: FirstValue): JsonLayout {
  if (!isMessage(head, skipSpace(head, start + 1))) return { type: 'array', start: start + 1 };
  return onOneLine ? { type: 'lines' } : { type: 'values', several: false };
}

/** An array that does not end in what was seen of it. */
function openArrayLayout({ head, start, lineEnd }: FirstValue): JsonLayout {
  if (!isMessage(head, skipSpace(head, start + 1))) return { type: 'array', start: start + 1 };
  return lineEnd === head.byteLength ? { type: 'lines' } : { type: 'values', several: false };
}

function wrapperLayout(head: Uint8Array, start: number): JsonLayout | undefined {
  const lists = membersOf(head, start).filter((member) => isRecordList(head, member));
  const list = lists.find(({ key }) => WRAPPER_KEYS.includes(key));
  if (list === undefined) return undefined;
  if (lists.length > 1) return { type: 'ambiguous', keys: lists.map(({ key }) => key) };
  return { type: 'wrapper', key: list.key, start: list.valueStart + 1 };
}

/** An array of objects that are not messages, or of conversations. */
function isRecordList(head: Uint8Array, { valueStart }: Member): boolean {
  if (head[valueStart] !== OPEN_ARRAY) return false;
  const element = skipSpace(head, valueStart + 1);
  if (head[element] === OPEN_OBJECT) return !isMessage(head, element);
  return head[element] === OPEN_ARRAY && isMessage(head, skipSpace(head, element + 1));
}
