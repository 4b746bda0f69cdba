import type { RecordContext } from './record.ts';

/** What providers take as inline images at most (Azure, Together). */
const LARGE_IMAGE_BYTES = 10 * 1024 * 1024;
const IMAGE_TYPES = new Set(['image/jpeg', 'image/jpg', 'image/png', 'image/webp', 'image/gif']);
const LONGEST_HEAD = 200;
const PADDING = 0x3d;

/** Checks where an image is: inline data, a URL, a local path. Nothing is ever fetched. */
export function checkMediaUrl(record: RecordContext, node: number): void {
  const head = headOf(record, node);
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(head)?.[1]?.toLowerCase();
  if (scheme === 'data') checkDataUrl(record, node, head);
  else if (scheme === 'http' || scheme === 'https') record.report('W_IMAGE_REMOTE', node);
  else if (scheme === 's3' || scheme === 'gs') record.report('W_IMAGE_REMOTE', node);
  else if (scheme !== undefined && scheme.length > 1)
    record.report('E_MEDIA_TYPE', node, { problem: `its scheme is ${scheme}:` });
  else if (/(^|[\\/])\.\.([\\/]|$)/.test(head))
    record.report('E_MEDIA_TYPE', node, { problem: 'its path leads outside' });
  else if (head === '') record.report('E_MEDIA_TYPE', node, { problem: 'it is empty' });
  else record.report('W_IMAGE_LOCAL_PATH', node);
}

/** Checks inline data whose media type stands apart. */
export function checkInlineImage(record: RecordContext, mediaType: number, data: number): void {
  const type = record.text(mediaType).toLowerCase();
  if (type.startsWith('image/') && !IMAGE_TYPES.has(type)) {
    record.report('E_MEDIA_TYPE', mediaType, { problem: 'its media type is not taken' });
    return;
  }
  checkBase64(record, data, record.tape.start(data));
}

function checkDataUrl(record: RecordContext, node: number, head: string): void {
  const match = /^data:([^;,]*)((?:;[^;,]*)*),/i.exec(head);
  const type = match?.[1]?.toLowerCase() ?? '';
  if (match === null || !/;base64$/i.test(match[2] ?? '')) {
    record.report('E_MEDIA_TYPE', node, { problem: 'it is no base64 data URL' });
  } else if (!IMAGE_TYPES.has(type)) {
    record.report('E_MEDIA_TYPE', node, { problem: `its media type ${type.slice(0, 40)} is not taken` });
  } else {
    const offset = rawOffset(record, record.tape.start(node), match[0].length);
    checkBase64(record, node, offset);
  }
}

/** Offset in the source after `count` characters of a string. */
function rawOffset(record: RecordContext, start: number, count: number): number {
  let p = start;
  for (let seen = 0; seen < count; seen++) p += record.workspace.view.getUint8(p) === 0x5c ? 2 : 1;
  return p;
}

function checkBase64(record: RecordContext, node: number, from: number): void {
  const { view } = record.workspace;
  const end = record.tape.end(node);
  let digits = 0;
  let p = from;
  for (; p < end; p++) {
    const c = view.getUint8(p);
    if (isBase64(c)) digits++;
    else if (c !== 0x5c || view.getUint8(p + 1) !== 0x2f) break;
  }
  let padding = 0;
  while (p < end && view.getUint8(p) === PADDING) {
    padding++;
    p++;
  }
  const isWhole =
    p === end &&
    digits > 0 &&
    padding <= 2 &&
    (digits + padding) % 4 !== 1 &&
    (padding === 0 || (digits + padding) % 4 === 0);
  if (!isWhole) record.report('E_MEDIA_TYPE', node, { problem: 'its base64 is broken' });
  else if ((digits * 3) / 4 > LARGE_IMAGE_BYTES) record.report('W_MEDIA_SIZE', node, { limit: '10 MB' });
}

function isBase64(c: number): boolean {
  const letter = c | 0x20;
  return (letter >= 0x61 && letter <= 0x7a) || (c >= 0x2f && c <= 0x39) || c === 0x2b;
}

/** The beginning of a URL; long ones are cut. */
function headOf(record: RecordContext, node: number): string {
  const { tape, workspace } = record;
  if (tape.end(node) - tape.start(node) <= LONGEST_HEAD) return record.text(node);
  const raw = new TextDecoder().decode(workspace.bytes.subarray(tape.start(node), tape.start(node) + LONGEST_HEAD));
  return raw.replaceAll('\\/', '/');
}
