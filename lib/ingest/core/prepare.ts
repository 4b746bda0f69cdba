import type { Draft } from './draft.ts';
import { K, KEY_COUNT, type Key, keyName } from './keys.ts';
import type { RecordContext } from './record.ts';

/** Fields whose value is a list or an object. As strings of JSON they come from CSV cells and from careless exports. */
const STRUCTURED: readonly Key[] = [
  ...[K.messages, K.conversations, K.conversation, K.images, K.videos, K.audios, K.history, K.contents],
  ...[K.chosen_messages, K.rejected_messages, K.completions, K.labels, K.instances, K.segments],
];
const IS_STRUCTURED = new Uint8Array(KEY_COUNT);
for (const key of STRUCTURED) IS_STRUCTURED[key] = 1;
const OPEN_ARRAY = 0x5b;

/** Clears the draft and puts parsed values in the place of strings that hold a list. */
export function prepareFields(record: RecordContext, draft: Draft): void {
  draft.clear();
  const present = record.presentCount;
  for (let i = 0; i < present; i++) {
    const key = record.presentKey(i);
    if (IS_STRUCTURED[key] === 1) parseField(record, draft, key);
  }
}

function parseField(record: RecordContext, draft: Draft, key: Key): void {
  const node = record.field(key);
  if (!record.tape.isString(node)) return;
  if (record.workspace.view.getUint8(record.tape.start(node)) !== OPEN_ARRAY) return;
  const parsed = record.parseInside(node);
  if (parsed < 0) return;
  record.setField(key, parsed);
  draft.asIs = false;
  record.report('W_CELL_JSON', node, { field: keyName(key) });
  if (key !== K.images && key !== K.videos && key !== K.audios) return;
  draft.values.push({ key, node: parsed, anchor: key });
  record.claim(key);
}
