import { isUtf8 } from 'node:buffer';
import { FatalFinding, finding } from '@/lib/ingest/fatal-finding.ts';
import type { ByteSource } from '@/lib/streams/byte-source.ts';
import type { ScanLog } from './framed-batch.ts';

const HEAD_BYTES = 4096;
const CR = 13;
const LF = 10;

/** Takes a UTF-8 byte order mark off and refuses what is not UTF-8 from its beginning on. */
export async function expectUtf8(source: ByteSource, log: ScanLog): Promise<void> {
  const head = await source.peek(HEAD_BYTES);
  refuseOtherUnicode(head);
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) {
    await source.take(3);
    log.findings.push(finding('I_BOM', 'info', 'The byte order mark at the start was taken off.'));
  }
  refuseOtherEncodings(head.subarray(0, HEAD_BYTES));
}

/** Text whose lines end with CR alone would be one giant line. */
export function refuseCrOnly(head: Uint8Array): void {
  const cr = head.indexOf(CR);
  if (cr === -1 || cr === head.byteLength - 1 || head.indexOf(LF) !== -1) return;
  throw new FatalFinding('E_CR_ONLY', 'The lines end with CR alone, as on old Macintosh systems.', {
    line: 1,
    hint: "Convert the line ends: tr '\\r' '\\n' < old > new",
  });
}

function refuseOtherUnicode(head: Uint8Array): void {
  const name = unicodeName(head);
  if (name === undefined) return;
  throw new FatalFinding('E_ENCODING', `The file is encoded in ${name}.`, {
    line: 1,
    hint: `Convert it to UTF-8: iconv -f ${name.replaceAll(' ', '')} -t UTF-8 old > new`,
  });
}

function unicodeName(head: Uint8Array): string | undefined {
  const [a, b, c, d] = head;
  if (a === 0xff && b === 0xfe) return c === 0 && d === 0 ? 'UTF-32LE' : 'UTF-16LE';
  if (a === 0xfe && b === 0xff) return 'UTF-16BE';
  if (a === 0 && b === 0 && c === 0xfe && d === 0xff) return 'UTF-32BE';
  return withoutMark(head);
}

/** Without a mark, the zero bytes of ASCII text give the width and the order away. */
function withoutMark(head: Uint8Array): string | undefined {
  const [a, b, c, d] = head;
  if (head.byteLength < 4) return undefined;
  if (a !== 0 && b === 0 && c === 0 && d === 0) return 'UTF-32LE';
  if (a === 0 && b === 0 && c === 0 && d !== 0) return 'UTF-32BE';
  if (a !== 0 && b === 0 && c !== 0 && d === 0) return 'UTF-16LE';
  if (a === 0 && b !== 0 && c === 0 && d !== 0) return 'UTF-16BE';
  return undefined;
}

/** The first few KiB decide: one stray byte later is an error of its record, one here is another encoding. */
function refuseOtherEncodings(head: Uint8Array): void {
  const offset = firstInvalid(head);
  if (offset === undefined) return;
  const line = 1 + head.subarray(0, offset).filter((byte) => byte === LF).length;
  throw new FatalFinding(
    'E_UTF8',
    `The byte at offset ${offset} is not valid UTF-8: the file is in another encoding.`,
    {
      line,
      hint: 'Find out which one (often Latin-1, Windows-1252 or GBK) and convert: iconv -f LATIN1 -t UTF-8 old > new',
    },
  );
}

function firstInvalid(head: Uint8Array): number | undefined {
  if (isUtf8(head) || isUtf8(head.subarray(0, lastBoundary(head)))) return undefined;
  let valid = 0;
  let invalid = head.byteLength;
  while (invalid - valid > 1) {
    const middle = (valid + invalid) >> 1;
    const boundary = lastBoundary(head.subarray(0, middle));
    if (isUtf8(head.subarray(0, boundary))) valid = middle;
    else invalid = middle;
  }
  return lastBoundary(head.subarray(0, valid));
}

/** Where the last character that may be cut off starts; at most 3 bytes before the end. */
function lastBoundary(bytes: Uint8Array): number {
  for (let back = 1; back <= 4 && back <= bytes.byteLength; back++) {
    const byte = bytes[bytes.byteLength - back] ?? 0;
    if (byte < 0x80) return bytes.byteLength;
    if (byte >= 0xc0) return sequenceLength(byte) > back ? bytes.byteLength - back : bytes.byteLength;
  }
  return bytes.byteLength;
}

function sequenceLength(lead: number): number {
  if (lead >= 0xf0) return 4;
  return lead >= 0xe0 ? 3 : 2;
}
