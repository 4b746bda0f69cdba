import { endsOpen, isMessages, readMessages } from '../conversation.ts';
import { type Draft, ROLE } from '../draft.ts';
import { K, type KeyName } from '../keys.ts';
import type { RecordContext } from '../record.ts';
import { TYPE } from '../tape.ts';
import type { FormatReader } from './format.ts';
import { addTextMessage, messagesSide, optionalText } from './sides.ts';

const CONVERSATIONS: readonly KeyName[] = ['conversations', 'conversation', 'dialogue', 'texts'];

/** The record itself is the list of messages. */
export const bareMessages: FormatReader = {
  format: 'bare_messages',
  kind: 'messages',
  matches: (record) => isMessages(record.tape, record.root),
  endsOpen: (record) => endsOpen(record, record.root),
  read(record, draft) {
    draft.asIs = false;
    draft.keepsPlace = false;
    readMessages(record, draft, record.root);
    draft.addSide('messages', 0, false, 0, draft.messageCount);
  },
};

/** {messages: [{role, content}]}, the shape of OpenAI and most others. */
export const messages: FormatReader = {
  format: 'messages',
  kind: 'messages',
  matches: (record) => isMessagesField(record, K.messages) || isMessages(record.tape, record.field(K.interactions)),
  endsOpen: (record) => endsOpen(record, record.field(record.has(K.messages) ? K.messages : K.interactions)),
  read(record, draft) {
    if (record.has(K.messages)) {
      readSystem(record, draft, K.messages);
      messagesSide(record, draft, 'messages');
      if (draft.messageCount > 0) draft.side(0).from = 0;
    } else {
      draft.asIs = false;
      messagesSide(record, draft, 'messages', 'interactions');
    }
  },
};

/** Also recognises a list that is empty or null, so that its fault is named. */
function isMessagesField(record: RecordContext, keyId: number): boolean {
  const node = record.field(keyId);
  if (node < 0) return false;
  const { tape } = record;
  const type = tape.type(node);
  if (type === TYPE.null || type === TYPE.object || type === TYPE.string) return true;
  if (type !== TYPE.array) return false;
  return tape.first(node) === tape.limit(node) || tape.type(tape.first(node)) === TYPE.object;
}

/** {conversations: [{from, value}]} and its relatives. */
export const sharegpt: FormatReader = {
  format: 'sharegpt',
  kind: 'messages',
  matches: (record) => conversationKey(record) !== undefined,
  endsOpen: (record) => endsOpen(record, record.field(K[conversationKey(record) ?? 'conversations'])),
  read(record, draft) {
    const source = conversationKey(record) ?? 'conversations';
    draft.asIs = false;
    draft.keepsPlace = false;
    readSystem(record, draft, K[source]);
    messagesSide(record, draft, 'messages', source);
    if (draft.sideCount > 0) draft.side(0).from = 0;
  },
};

function conversationKey(record: RecordContext): KeyName | undefined {
  return CONVERSATIONS.find((key) => isMessages(record.tape, record.field(K[key])));
}

/** A system field becomes the first message, unless the conversation has a system message of its own. */
function readSystem(record: RecordContext, draft: Draft, list: number): void {
  if (!record.isText(K.system) || hasSystemMessage(record, record.field(list))) return;
  const system = optionalText(record, 'system');
  if (system < 0 || record.tape.isEmptyText(system)) return;
  draft.asIs = false;
  addTextMessage(record, draft, ROLE.system, system);
}

function hasSystemMessage(record: RecordContext, list: number): boolean {
  const { tape } = record;
  if (list < 0 || tape.type(list) !== TYPE.array) return false;
  const first = tape.first(list);
  if (first === tape.limit(list) || tape.type(first) !== TYPE.object) return false;
  const role = Math.max(tape.member(first, K.role), tape.member(first, K.from));
  return role >= 0 && tape.isString(role) && record.text(role).trim().toLowerCase() === 'system';
}
