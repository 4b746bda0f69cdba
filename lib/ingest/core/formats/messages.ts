import { endsOpen, isMessages } from '../conversation.ts';
import { CONTENT, type Draft, ROLE } from '../draft.ts';
import { K, type Key, MARK } from '../keys.ts';
import type { RecordContext } from '../record.ts';
import { TYPE } from '../tape.ts';
import type { FormatReader } from './format.ts';
import { addSystem, addTextMessage, becomeConverted, closeConversation, messagesSide } from './sides.ts';

const LISTS: readonly Key[] = [K.messages, K.interactions];
const CONVERSATIONS: readonly Key[] = [K.conversations, K.conversation, K.dialogue, K.texts];
const SYSTEMS: readonly Key[] = [K.system, K.system_prompt];

/** The record itself is the list of messages. */
export const bareMessages: FormatReader = {
  format: 'bare_messages',
  kind: 'messages',
  needs: undefined,
  matches: (record) => isMessages(record.tape, record.root),
  endsOpen: (record) => endsOpen(record, record.root),
  read(record, draft) {
    record.conversations.list(draft, record.root);
    closeConversation(draft);
  },
};

/** {messages: [{role, content}]}, the shape of OpenAI, Anthropic and most others. */
export const messages: FormatReader = {
  format: 'messages',
  kind: 'messages',
  needs: [LISTS],
  matches: (record) => mayBeMessages(record, K.messages) || isMessages(record.tape, record.field(K.interactions)),
  endsOpen: (record) => endsOpen(record, record.field(listOf(record))),
  read: readMessagesRecord,
};

/** Parts with `type` and `value`, or weights per message: LLaMA-Factory's version 1. */
export const llamafactoryV1: FormatReader = {
  format: 'llamafactory_v1',
  kind: 'messages',
  needs: [[K.messages]],
  matches: (record) =>
    (record.tape.keyMarks & (MARK.lossWeight | MARK.value)) !== 0 &&
    anyMessage(record, K.messages, (message) => isVersion1(record, message)),
  endsOpen: messages.endsOpen,
  read: readMessagesRecord,
};

/** Parts without a type, as Bedrock's Converse API and Nova have them. */
export const bedrockConverse: FormatReader = {
  format: 'bedrock_converse',
  kind: 'messages',
  needs: [[K.messages]],
  matches(record) {
    if (!isMessages(record.tape, record.field(K.messages))) return false;
    const version = record.field(K.schemaVersion);
    if (version >= 0 && record.tape.isString(version)) return record.text(version).startsWith('bedrock-conversation');
    if ((record.tape.keyMarks & MARK.untypedPart) === 0) return false;
    return anyMessage(record, K.messages, (message) => hasUntypedParts(record, message));
  },
  endsOpen: messages.endsOpen,
  read(record, draft) {
    becomeConverted(draft);
    record.claim(K.schemaVersion);
    readMessagesRecord(record, draft);
  },
};

function readMessagesRecord(record: RecordContext, draft: Draft): void {
  const source = listOf(record);
  if (source !== K.messages) draft.asIs = false;
  addSystemField(record, draft, source);
  const side = messagesSide(record, draft, K.messages, source);
  if (side !== undefined) side.from = 0;
}

function listOf(record: RecordContext): Key {
  return LISTS.find((key) => record.has(key)) ?? K.messages;
}

/** Also true for lists that are empty, null or of another type, so that their fault is named. */
function mayBeMessages(record: RecordContext, keyId: number): boolean {
  const { tape } = record;
  const node = record.field(keyId);
  if (node < 0) return false;
  if (tape.type(node) !== TYPE.array) return true;
  const first = tape.first(node);
  return first === tape.limit(node) || tape.type(first) === TYPE.object;
}

function anyMessage(record: RecordContext, keyId: number, test: (message: number) => boolean): boolean {
  const { tape } = record;
  const list = record.field(keyId);
  if (!isMessages(tape, list)) return false;
  for (let node = tape.first(list); node < tape.limit(list); node = tape.after(node)) {
    if (tape.type(node) === TYPE.object && test(node)) return true;
  }
  return false;
}

function isVersion1(record: RecordContext, message: number): boolean {
  const { tape } = record;
  if (tape.member(message, K.loss_weight) >= 0) return true;
  const part = firstPart(record, message);
  return part >= 0 && tape.member(part, K.type) >= 0 && tape.member(part, K.value) >= 0;
}

function hasUntypedParts(record: RecordContext, message: number): boolean {
  const { tape } = record;
  const part = firstPart(record, message);
  if (part < 0 || tape.member(part, K.type) >= 0) return false;
  return [K.text, K.image, K.video, K.toolUse, K.toolResult, K.reasoningContent].some(
    (key) => tape.member(part, key) >= 0,
  );
}

/** First element of a message's content when it is a list of objects, else -1. */
function firstPart(record: RecordContext, message: number): number {
  const { tape } = record;
  const content = tape.member(message, K.content);
  if (content < 0 || tape.type(content) !== TYPE.array || tape.first(content) === tape.limit(content)) return -1;
  return tape.type(tape.first(content)) === TYPE.object ? tape.first(content) : -1;
}

/** {conversations: [{from, value}]} and its relatives. */
export const sharegpt: FormatReader = {
  format: 'sharegpt',
  kind: 'messages',
  needs: [CONVERSATIONS],
  matches: (record) => conversationKey(record) !== undefined,
  endsOpen: (record) => endsOpen(record, record.field(conversationKey(record) ?? K.conversations)),
  read(record, draft) {
    const source = conversationKey(record) ?? K.conversations;
    becomeConverted(draft);
    addSystemField(record, draft, source);
    const side = messagesSide(record, draft, K.messages, source);
    if (side !== undefined) side.from = 0;
  },
};

function conversationKey(record: RecordContext): Key | undefined {
  return CONVERSATIONS.find((key) => isMessages(record.tape, record.field(key)));
}

/** {conversation: [{human, assistant}]}: pairs of turns (ms-swift). */
export const swiftPairs: FormatReader = {
  format: 'swift_pairs',
  kind: 'messages',
  needs: [CONVERSATIONS],
  matches: (record) => pairsKey(record) !== undefined,
  read(record, draft) {
    const { tape } = record;
    addSystem(record, draft);
    const list = record.claim(pairsKey(record) ?? K.conversation);
    for (let pair = tape.first(list); pair < tape.limit(list); pair = tape.after(pair)) readPair(record, draft, pair);
    closeConversation(draft);
  },
};

function pairsKey(record: RecordContext): Key | undefined {
  const { tape } = record;
  return CONVERSATIONS.find((key) => {
    const list = record.field(key);
    if (list < 0 || tape.type(list) !== TYPE.array || tape.first(list) === tape.limit(list)) return false;
    const pair = tape.first(list);
    return tape.type(pair) === TYPE.object && tape.member(pair, K.human) >= 0 && tape.member(pair, K.assistant) >= 0;
  });
}

function readPair(record: RecordContext, draft: Draft, pair: number): void {
  const { tape } = record;
  for (const [key, role] of [[K.human, ROLE.user] as const, [K.assistant, ROLE.assistant] as const]) {
    const text = tape.type(pair) === TYPE.object ? tape.member(pair, key) : -1;
    if (text >= 0 && tape.isString(text)) addTextMessage(record, draft, role, text);
    else
      record.report('E_FIELD_TYPE', pair, {
        expected: 'a pair {human, assistant} of strings',
        found: record.nameOfType(pair),
      });
  }
}

/** A system field becomes the first message, unless the conversation has a system message of its own. */
export function addSystemField(record: RecordContext, draft: Draft, list: number): void {
  const key = SYSTEMS.find((name) => record.isGiven(name));
  if (key === undefined) return;
  const node = record.field(key);
  const isList = record.tape.type(node) === TYPE.array;
  if ((!isList && !record.tape.isString(node)) || hasSystemMessage(record, record.field(list))) return;
  record.claim(key);
  draft.asIs = false;
  if (isList) addSystemParts(record, draft, node);
  else if (!record.tape.isEmptyText(node)) addTextMessage(record, draft, ROLE.system, node);
}

/** A system prompt as a list of text parts (Anthropic, Bedrock). */
export function addSystemParts(record: RecordContext, draft: Draft, list: number): void {
  const { tape } = record;
  const message = draft.addMessage(list, ROLE.system);
  message.content = CONTENT.text;
  message.contentNode = list;
  for (let part = tape.first(list); part < tape.limit(list); part = tape.after(part)) {
    const text = tape.type(part) === TYPE.object ? tape.member(part, K.text) : part;
    if (text >= 0 && tape.isString(text)) draft.addText(tape, text);
    else record.report('E_FIELD_TYPE', part, { expected: 'a text part', found: record.nameOfType(part) });
  }
  message.textTo = draft.pieceLength;
}

function hasSystemMessage(record: RecordContext, list: number): boolean {
  const { tape } = record;
  if (list < 0 || tape.type(list) !== TYPE.array) return false;
  const first = tape.first(list);
  if (first === tape.limit(list) || tape.type(first) !== TYPE.object) return false;
  const role = Math.max(tape.member(first, K.role), tape.member(first, K.from));
  return role >= 0 && tape.isString(role) && record.text(role).trim().toLowerCase() === 'system';
}
