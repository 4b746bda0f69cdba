import type { Kind } from '@/lib/ingest/types.ts';
import type { Draft } from './draft.ts';
import { becomeConverted } from './formats/sides.ts';
import { K, KEY_COUNT, type Key, keyName } from './keys.ts';
import type { RecordContext } from './record.ts';
import { NODE, TYPE } from './tape.ts';

/** Fields that every kind may have beside its own. */
const COMMON: readonly Key[] = [
  ...([
    K.id,
    K.metadata,
    K.tools,
    K.parallel_tool_calls,
    K.images,
    K.videos,
    K.audios,
    K.chat_template_kwargs,
  ] as const),
  ...([K.response_format, K.text_pair, K.token_type_ids, K.position_ids] as const),
];
const IS_COMMON = new Uint8Array(KEY_COUNT);
for (const key of COMMON) IS_COMMON[key] = 1;

/** Fields that tell the same story as the ones that were read, so that a trainer would not know which to take. */
const RIVALS: readonly Key[] = [K.messages, K.conversations, K.prompt, K.completion, K.text];
/** Kinds without a rival: their other fields mean something. */
const WITHOUT_RIVALS: ReadonlySet<Kind> = new Set(['text', 'classification', 'tokenized', 'segments', 'prompt_only']);

/** Moves fields that repeat the record in another shape under metadata, and names those that the kind does not know. */
export function checkFields(record: RecordContext, draft: Draft, isConversation: boolean): void {
  if (record.tape.type(record.root) !== TYPE.object) return;
  if (isConversation || !WITHOUT_RIVALS.has(draft.kind)) checkRivals(record, draft);
  if (draft.keepsPlace && draft.kind !== 'prompt_only') checkUnknown(record);
}

function checkRivals(record: RecordContext, draft: Draft): void {
  for (const key of RIVALS) {
    if (!record.isGiven(key) || record.isClaimed(key)) continue;
    const kept = draft.sideCount > 0 ? keyName(draft.side(0).key) : draft.kind;
    record.report('W_REDUNDANT_FIELD', record.field(key), { field: keyName(key), kept });
    becomeConverted(draft);
  }
}

function checkUnknown(record: RecordContext): void {
  const { tape, root } = record;
  const limit = tape.limit(root);
  let hasExtra = false;
  for (let key = root + NODE; key < limit; key = tape.after(key + NODE)) {
    const id = tape.keyId(key);
    if (id !== 0 && record.isClaimed(id)) continue;
    hasExtra = true;
    if (id !== 0 && IS_COMMON[id] === 1) continue;
    record.reportOnce('W_UNKNOWN_FIELD', key, () => (id === 0 ? record.text(key).slice(0, 60) : keyName(id)));
  }
  if (hasExtra) record.findings.count('T_EXTRA_FIELD');
}
