import { CONTENT, type Draft, type DraftMessage } from './draft.ts';
import { K, type Key, keyName } from './keys.ts';
import { checkMediaUrl } from './media.ts';
import type { RecordContext } from './record.ts';
import { FLAG, TYPE } from './tape.ts';

interface MediaKind {
  list: Key;
  single: Key;
  token: string;
}

const MEDIA: readonly MediaKind[] = [
  { list: K.images, single: K.image, token: '<image>' },
  { list: K.videos, single: K.video, token: '<video>' },
  { list: K.audios, single: K.audio, token: '<audio>' },
];

/** Reads `images`, `videos` and `audios`: each item needs its placeholder in the text. */
export function readMedia(record: RecordContext, draft: Draft): void {
  for (const kind of MEDIA) {
    if (record.isGiven(kind.list)) readList(record, draft, kind, kind.list);
    else if (record.isText(kind.single) && draft.messageCount > 0) readSingle(record, draft, kind);
  }
}

function readList(record: RecordContext, draft: Draft, kind: MediaKind, keyId: number): void {
  const { tape } = record;
  const node = record.field(keyId);
  if (tape.isString(node)) {
    wrap(record, draft, kind, keyId);
    checkCount(record, draft, kind, node, 1);
    return;
  }
  if (tape.type(node) !== TYPE.array) {
    record.report('E_FIELD_TYPE', node, { expected: 'a list', found: record.nameOfType(node) });
    return;
  }
  let items = 0;
  for (let item = tape.first(node); item < tape.limit(node); item = tape.after(item)) {
    items++;
    if (tape.isString(item)) checkMediaUrl(record, item);
  }
  if (items > 0) checkCount(record, draft, kind, node, items);
}

/** LLaVA's {image: "file.jpg"} beside a text that has the placeholder. Without one the field is not known to be an image. */
function readSingle(record: RecordContext, draft: Draft, kind: MediaKind): void {
  if (countTokens(record, draft, kind) === 0) return;
  const node = record.field(kind.single);
  wrap(record, draft, kind, kind.single);
  checkCount(record, draft, kind, node, 1);
}

function wrap(record: RecordContext, draft: Draft, kind: MediaKind, keyId: number): void {
  draft.asIs = false;
  const node = record.claim(keyId);
  draft.values.push({ key: kind.list, node, anchor: keyId, isWrapped: true });
  checkMediaUrl(record, node);
}

function checkCount(record: RecordContext, draft: Draft, kind: MediaKind, node: number, items: number): void {
  const tokens = countTokens(record, draft, kind);
  const detail = { tokens, token: kind.token, items, field: keyName(kind.list) };
  if (tokens === 0) record.report('W_MEDIA_NO_TOKEN', node, detail);
  else if (tokens !== items) record.report('E_MEDIA_COUNT', node, detail);
}

/** Placeholders in the record's texts, and media parts that carry nothing themselves. */
function countTokens(record: RecordContext, draft: Draft, kind: MediaKind): number {
  let count = 0;
  for (let i = 0; i < draft.pieceLength; i += 3) {
    const node = draft.pieces[i + 2] as number;
    if (node < 0 || !record.tape.has(node, FLAG.media | FLAG.escapedMarker)) continue;
    count += record.text(node).split(kind.token).length - 1;
  }
  for (let i = 0; i < draft.messageCount; i++) count += emptyParts(record, draft.message(i), kind);
  return count;
}

function emptyParts(record: RecordContext, message: DraftMessage, kind: MediaKind): number {
  if (message.content !== CONTENT.parts) return 0;
  const { tape } = record;
  const limit = tape.limit(message.contentNode);
  let count = 0;
  for (let part = tape.first(message.contentNode); part < limit; part = tape.after(part)) {
    if (tape.type(part) !== TYPE.object) continue;
    const type = tape.member(part, K.type);
    if (type >= 0 && tape.isString(type) && record.text(type) === keyName(kind.single)) count++;
  }
  return count;
}
