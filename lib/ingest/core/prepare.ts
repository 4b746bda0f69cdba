import type { Draft } from './draft.ts';
import { K, type KeyName } from './keys.ts';
import type { RecordContext } from './record.ts';
import { TYPE } from './tape.ts';

/** Fields whose value is a list or an object. As strings of JSON they come from CSV cells and from careless exports. */
const STRUCTURED: readonly KeyName[] = [
  ...(['messages', 'conversations', 'conversation', 'images', 'videos', 'audios', 'history'] as const),
  ...(['chosen_messages', 'rejected_messages', 'contents', 'completions', 'labels', 'instances', 'segments'] as const),
];
const OPEN_ARRAY = 0x5b;

/** Clears the draft and puts parsed values in the place of strings that hold a list. */
export function prepareFields(record: RecordContext, draft: Draft): void {
  draft.clear();
  if (record.tape.type(record.root) !== TYPE.object) return;
  for (const key of STRUCTURED) {
    const node = record.field(K[key]);
    if (node < 0 || !record.tape.isString(node)) continue;
    if (record.workspace.view.getUint8(record.tape.start(node)) !== OPEN_ARRAY) continue;
    const parsed = record.parseInside(node);
    if (parsed < 0) continue;
    record.setField(K[key], parsed);
    draft.asIs = false;
    record.report('W_CELL_JSON', node, { field: key });
    if (key === 'images' || key === 'videos' || key === 'audios') {
      draft.values.push({ key, node: parsed, anchor: K[key] });
      record.claim(K[key]);
    }
  }
}
