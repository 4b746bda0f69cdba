/** Kinds of tape nodes: the low four bits of a node's first cell. */
export const TYPE = {
  string: 1,
  number: 2,
  true: 3,
  false: 4,
  null: 5,
  object: 6,
  array: 7,
  key: 8,
} as const;
// The same as constants of their own, which the bundler writes into the code that runs for every value.
const STRING = 1;
const OBJECT = 6;
const ARRAY = 7;
const KEY = 8;
export const TYPE_MASK = 15;

/** What the scanner noticed about a value: bits of a node's first cell above the type. */
export const FLAG = {
  /** The token contains a backslash. */
  escaped: 1 << 4,
  nul: 1 << 5,
  control: 1 << 6,
  replacement: 1 << 7,
  /** A raw U+2028 or U+2029, which canonical output escapes. */
  lineSeparator: 1 << 8,
  /** Text that chat templates treat as control tokens. */
  special: 1 << 9,
  placeholder: 1 << 10,
  /** `<image>`, `<video>` or `<audio>`. */
  media: 1 << 11,
  toolText: 1 << 12,
  /** A number that a double cannot hold. */
  imprecise: 1 << 13,
  /** A number without fraction and exponent. */
  integer: 1 << 14,
  /** Words that Amazon Nova reserves. Strings only, as the next: keys keep their number in these bits. */
  reservedNova: 1 << 16,
  /** A `<` written as an escape: whether it begins a marker is looked up when it matters. */
  escapedMarker: 1 << 17,
} as const;
/** Keys carry the number of the known key they are, from this bit on; 0 is an unknown key. */
export const KEY_SHIFT = 16;

/** Cells of a node. A string's and a key's range is what stands between its quotes. */
export const NODE = 4;
const INFO = 6;

/** Sizes of one or many texts, in the units that statistics and limits need. */
export interface TextSize {
  codePoints: number;
  utf16: number;
  bytes: number;
  latin: number;
  cjk: number;
  other: number;
}

/**
 * What the scanner writes: values in document order, four cells each (type and flags, start, end, extra).
 * `extra` is the node after the last descendant for containers, the row of text sizes for strings (-1 when the text is
 * plain ASCII without escapes), the hash for keys. A key is followed by its value. Reused from record to record.
 */
export class Tape {
  cells: Int32Array = new Int32Array(1 << 12);
  /** Cells in use. */
  length = 0;
  info: Int32Array = new Int32Array(1 << 10);
  infoLength = 0;
  /** Ranges that canonical output leaves out or replaces: [start, end, replacement], ascending. */
  edits: Int32Array = new Int32Array(1 << 10);
  editLength = 0;
  /** All flags of all values. */
  flags = 0;
  /** Keys anywhere in the record, of those that `keyMark` knows. */
  keyMarks = 0;

  clear(): void {
    this.length = 0;
    this.infoLength = 0;
    this.editLength = 0;
    this.flags = 0;
    this.keyMarks = 0;
  }

  type(node: number): number {
    return (this.cells[node] as number) & TYPE_MASK;
  }

  has(node: number, flag: number): boolean {
    return ((this.cells[node] as number) & flag) !== 0;
  }

  flagsOf(node: number): number {
    return this.cells[node] as number;
  }

  start(node: number): number {
    return this.cells[node + 1] as number;
  }

  end(node: number): number {
    return this.cells[node + 2] as number;
  }

  extra(node: number): number {
    return this.cells[node + 3] as number;
  }

  keyId(node: number): number {
    return (this.cells[node] as number) >>> KEY_SHIFT;
  }

  isString(node: number): boolean {
    return this.type(node) === STRING;
  }

  isContainer(node: number): boolean {
    const type = this.type(node);
    return type === OBJECT || type === ARRAY;
  }

  /** Source range of the whole token, quotes included. */
  tokenStart(node: number): number {
    const type = this.type(node);
    return type === STRING || type === KEY ? this.start(node) - 1 : this.start(node);
  }

  tokenEnd(node: number): number {
    const type = this.type(node);
    return type === STRING || type === KEY ? this.end(node) + 1 : this.end(node);
  }

  /** First child of a container, or its `limit` when it is empty. For objects this is a key. */
  first(node: number): number {
    return node + NODE;
  }

  /** The node after a container's last descendant. */
  limit(node: number): number {
    return this.cells[node + 3] as number;
  }

  /** The node after this value. */
  after(node: number): number {
    return this.isContainer(node) ? this.limit(node) : node + NODE;
  }

  /** Elements of an array, or members of an object. */
  count(node: number): number {
    const limit = this.limit(node);
    const isObject = this.type(node) === OBJECT;
    let count = 0;
    for (let child = node + NODE; child < limit; child = this.after(isObject ? child + NODE : child)) count++;
    return count;
  }

  /** Value of a known key in an object, or -1. */
  member(object: number, keyId: number): number {
    const limit = this.limit(object);
    for (let key = object + NODE; key < limit; key = this.after(key + NODE)) {
      if (this.keyId(key) === keyId) return key + NODE;
    }
    return -1;
  }

  isEmptyText(node: number): boolean {
    return this.start(node) === this.end(node);
  }

  codePoints(node: number): number {
    const row = this.extra(node);
    return row < 0 ? this.end(node) - this.start(node) : (this.info[row] as number);
  }

  /** Adds a string's sizes to a sum. */
  addSize(node: number, sum: TextSize): void {
    const row = this.extra(node);
    if (row < 0) {
      const length = this.end(node) - this.start(node);
      sum.codePoints += length;
      sum.utf16 += length;
      sum.bytes += length;
      return;
    }
    const info = this.info;
    const codePoints = info[row] as number;
    sum.codePoints += codePoints;
    sum.utf16 += codePoints + (info[row + 1] as number);
    sum.bytes += info[row + 2] as number;
    sum.latin += info[row + 3] as number;
    sum.cjk += info[row + 4] as number;
    sum.other += info[row + 5] as number;
  }

  /** Makes room for one more node and its row of sizes. */
  reserve(): void {
    if (this.length + 2 * NODE > this.cells.length) this.cells = larger(this.cells);
    if (this.infoLength + INFO > this.info.length) this.info = larger(this.info);
  }

  addInfo(codePoints: number, astral: number, bytes: number): number {
    const row = this.infoLength;
    this.info[row] = codePoints;
    this.info[row + 1] = astral;
    this.info[row + 2] = bytes;
    this.info[row + 3] = 0;
    this.info[row + 4] = 0;
    this.info[row + 5] = 0;
    this.infoLength = row + INFO;
    return row;
  }

  addEdit(start: number, end: number, replacement: number): void {
    if (this.editLength + 3 > this.edits.length) this.edits = larger(this.edits);
    this.edits[this.editLength] = start;
    this.edits[this.editLength + 1] = end;
    this.edits[this.editLength + 2] = replacement;
    this.editLength += 3;
  }
}

/** What an edit puts in the place of its range. */
export const EDIT = { drop: 0, lineSeparator: 1, paragraphSeparator: 2 } as const;

function larger(cells: Int32Array): Int32Array {
  const next = new Int32Array(cells.length * 2);
  next.set(cells);
  return next;
}
