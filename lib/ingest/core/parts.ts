import { CONTENT, type Draft, type DraftMessage } from './draft.ts';
import { K } from './keys.ts';
import type { RecordContext } from './record.ts';
import { TYPE } from './tape.ts';

/** Reads content that is a list of parts: lists of text parts become one text, others stay lists. */
export function readParts(record: RecordContext, draft: Draft, message: DraftMessage, array: number): void {
  const { tape } = record;
  const limit = tape.limit(array);
  let onlyText = true;
  message.textFrom = draft.pieceLength;
  for (let part = tape.first(array); part < limit; part = tape.after(part)) {
    const text = partText(record, part);
    if (text >= 0) draft.addText(tape, text);
    else onlyText = false;
  }
  message.textTo = draft.pieceLength;
  if (onlyText && record.options.keepParts !== true) {
    message.content = CONTENT.text;
    draft.asIs = false;
    record.report('W_PARTS_JOINED', array);
  } else {
    message.content = CONTENT.parts;
    record.findings.count('T_PARTS');
  }
}

function partText(record: RecordContext, part: number): number {
  const { tape } = record;
  if (tape.isString(part)) return part;
  if (tape.type(part) !== TYPE.object) {
    record.report('E_FIELD_TYPE', part, { expected: 'a content part', found: record.nameOfType(part) });
    return -1;
  }
  const text = tape.member(part, K.text);
  return text >= 0 && tape.isString(text) ? text : -1;
}
