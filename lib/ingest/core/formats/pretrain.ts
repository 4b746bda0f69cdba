import { isMessages } from '../conversation.ts';
import { K } from '../keys.ts';
import type { RecordContext } from '../record.ts';
import { ROLE_PRETRAIN, roleMeaning } from '../roles.ts';
import { isBlankText } from '../white-space.ts';
import type { FormatReader } from './format.ts';

/** {messages: [{role: "pretrain", content}]}: documents in the dress of messages (XTuner). */
export const pretrain: FormatReader = {
  format: 'messages',
  kind: 'text',
  needs: [[K.messages]],
  matches(record) {
    const list = record.field(K.messages);
    return isMessages(record.tape, list) && isPretrain(record, record.tape.first(list));
  },
  read(record, draft) {
    const { tape } = record;
    const list = record.claim(K.messages);
    const from = draft.pieceLength;
    draft.asIs = false;
    draft.keepsPlace = false;
    for (let node = tape.first(list); node < tape.limit(list); node = tape.after(node)) {
      const content = tape.member(node, K.content);
      if (content < 0 || !tape.isString(content) || !isPretrain(record, node)) {
        record.report('E_FIELD_TYPE', node, {
          expected: 'a pretrain message with a text',
          found: record.nameOfType(node),
        });
        continue;
      }
      if (draft.pieceLength > from) draft.addJoint();
      draft.addText(tape, content);
      if (isBlankText(record, content)) record.report('E_CONTENT_EMPTY', content);
    }
    draft.addSide(K.text, 0, true, from, draft.pieceLength);
  },
};

function isPretrain(record: RecordContext, message: number): boolean {
  const role = record.tape.member(message, K.role);
  return role >= 0 && record.tape.isString(role) && (roleMeaning(record, role, false) & ROLE_PRETRAIN) !== 0;
}
