import { randomBytes } from 'node:crypto';

/** Makes a new id. Injected wherever rows are made, so that tests can fix it. */
export type IdGenerator = () => string;

/** Ids of one process that share a millisecond count up from here, so that they still sort in the order they were made. */
let last = { timestampMs: 0, sequence: 0 };

/**
 * A new row id: a UUID of version 7 (RFC 9562), 48 bits of milliseconds, then 32 bits that count within the millisecond,
 * then 42 random bits.
 *
 * Sorts by time of making, as text and as uuid alike; fits `uuid` columns of tables from before Longshore; is safe in an
 * object key and in a URL. Not a secret.
 */
export function newId(nowMs: number = Date.now()): string {
  last = nextTick(nowMs);
  const bytes = randomBytes(16);
  bytes.writeUIntBE(last.timestampMs, 0, 6);
  bytes.writeUInt8(0x70 | (last.sequence >>> 28), 6);
  bytes.writeUInt8((last.sequence >>> 20) & 0xff, 7);
  bytes.writeUInt8(0x80 | ((last.sequence >>> 14) & 0x3f), 8);
  bytes.writeUInt8((last.sequence >>> 6) & 0xff, 9);
  bytes.writeUInt8(((last.sequence & 0x3f) << 2) | (bytes.readUInt8(10) & 0x03), 10);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** A clock that stands still or steps back must not make an id that sorts before an earlier one. */
function nextTick(nowMs: number): { timestampMs: number; sequence: number } {
  if (nowMs > last.timestampMs) return { timestampMs: nowMs, sequence: randomBytes(3).readUIntBE(0, 3) };
  return { timestampMs: last.timestampMs, sequence: last.sequence + 1 };
}

/** When an id of `newId` was made; undefined for every other id. */
export function createdAtOf(id: string): Date | undefined {
  const [, high, low] = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.exec(id) ?? [];
  return high === undefined || low === undefined ? undefined : new Date(Number.parseInt(high + low, 16));
}
