import { StructureScanner } from './structure-scanner.ts';

/** Small looks into the first bytes of a JSON file, to tell layouts apart. Tolerant: what is cut off is left out. */

export interface Member {
  key: string;
  valueStart: number;
  /** The first byte after the value; undefined when it does not end in these bytes. */
  valueEnd: number | undefined;
}

const MAX_MEMBERS = 1000;

export function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.byteLength && isSpace(bytes[at])) at++;
  return at;
}

export function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

/** The first byte after the value that starts at `start`; undefined when it does not end here. A scalar may end with the bytes. */
export function valueEnd(bytes: Uint8Array, start: number): number | undefined {
  const scanner = new StructureScanner();
  scanner.enter(bytes[start] ?? 0);
  const stop = scanner.next(bytes, start + 1);
  return stop.event === 'valueEnd' ? stop.at : undefined;
}

/** The members of the object that starts at `start`, as far as they can be read. */
export function membersOf(bytes: Uint8Array, start: number): Member[] {
  const members: Member[] = [];
  let at = skipSpace(bytes, start + 1);
  while (bytes[at] === 0x22 && members.length < MAX_MEMBERS) {
    const keyEnd = valueEnd(bytes, at);
    if (keyEnd === undefined) break;
    const colon = skipSpace(bytes, keyEnd);
    const valueStart = skipSpace(bytes, colon + 1);
    if (bytes[colon] !== 0x3a || valueStart >= bytes.byteLength) break;
    const end = valueEnd(bytes, valueStart);
    members.push({ key: keyText(bytes.subarray(at, keyEnd)), valueStart, valueEnd: end });
    if (end === undefined) break;
    const comma = skipSpace(bytes, end);
    if (bytes[comma] !== 0x2c) break;
    at = skipSpace(bytes, comma + 1);
  }
  return members;
}

function keyText(quoted: Uint8Array): string {
  const text = Buffer.from(quoted).toString('utf8');
  try {
    return String(JSON.parse(text));
  } catch {
    return text.slice(1, -1);
  }
}

const CONTENT_KEYS = ['content', 'value', 'tool_calls', 'function_call', 'parts', 'text', 'message'];

/** An object with a role and something said: an element of a conversation, not a record. */
export function isMessage(bytes: Uint8Array, start: number): boolean {
  if (bytes[start] !== 0x7b) return false;
  const keys = membersOf(bytes, start).map(({ key }) => key);
  return (keys.includes('role') || keys.includes('from')) && keys.some((key) => CONTENT_KEYS.includes(key));
}
