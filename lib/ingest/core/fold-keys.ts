import type { Draft } from './draft.ts';
import { K, type KeyName } from './keys.ts';
import type { RecordContext } from './record.ts';
import { KEY_SHIFT, NODE, TYPE } from './tape.ts';

/**
 * Reads top-level keys that are known but for their case (`Prompt`, `Text`) as the known ones. True when there were any.
 * Only for records that no format takes as they are.
 */
export function foldKeys(record: RecordContext, draft: Draft): boolean {
  const { tape, root } = record;
  if (tape.type(root) !== TYPE.object) return false;
  let folded = false;
  for (let key = root + NODE; key < tape.limit(root); key = tape.after(key + NODE)) {
    if (tape.keyId(key) !== 0) continue;
    const name = record.text(key);
    const known = name.trim().toLowerCase();
    if (!Object.hasOwn(K, known) || record.has(K[known as KeyName])) continue;
    const id = K[known as KeyName];
    tape.cells[key] = (tape.cells[key] as number) | (id << KEY_SHIFT);
    record.setField(id, key + NODE);
    record.reportOnce('W_KEY_CASE', key, () => name.slice(0, 60), known);
    folded = true;
  }
  if (folded) draft.asIs = false;
  return folded;
}
