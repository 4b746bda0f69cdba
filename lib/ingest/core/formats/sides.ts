import { CONTENT, type Draft, type DraftMessage, type DraftSide, ROLE } from '../draft.ts';
import { K, type Key, keyName } from '../keys.ts';
import type { RecordContext } from '../record.ts';
import { TYPE } from '../tape.ts';

/** Makes a required string field a side. Undefined, and reported, when it is absent or no string. */
export function textSide(record: RecordContext, draft: Draft, key: Key, source: Key = key): DraftSide | undefined {
  const node = requiredText(record, source);
  if (node < 0) return undefined;
  const from = draft.pieceLength;
  draft.addText(record.tape, node);
  return draft.addSide(key, source, true, from, draft.pieceLength);
}

/** Makes a required list of messages a side. */
export function messagesSide(record: RecordContext, draft: Draft, key: Key, source: Key = key): DraftSide | undefined {
  const node = record.claim(source);
  if (node < 0) {
    reportMissing(record, source);
    return undefined;
  }
  const from = draft.messageCount;
  record.conversations.list(draft, node);
  return draft.addSide(key, source, false, from, draft.messageCount);
}

/** A side that may be a string or a list of messages. */
export function eitherSide(record: RecordContext, draft: Draft, key: Key, source: Key = key): DraftSide | undefined {
  const isList = record.typeOf(source) === TYPE.array;
  return isList ? messagesSide(record, draft, key, source) : textSide(record, draft, key, source);
}

/** String node of a required field, or -1 when it is absent or of another type, which is reported. */
export function requiredText(record: RecordContext, source: Key): number {
  const node = record.claim(source);
  if (node < 0) {
    reportMissing(record, source);
    return -1;
  }
  if (record.tape.isString(node)) return node;
  record.report('E_FIELD_TYPE', node, { expected: 'a string', found: record.nameOfType(node) });
  return -1;
}

/** String node of an optional field; null is absent, another type is an error. */
export function optionalText(record: RecordContext, source: Key): number {
  const node = record.claim(source);
  if (node < 0 || record.tape.type(node) === TYPE.null) return -1;
  if (record.tape.isString(node)) return node;
  record.report('E_FIELD_TYPE', node, { expected: 'a string', found: record.nameOfType(node) });
  return -1;
}

export function reportMissing(record: RecordContext, field: Key): void {
  const name = keyName(field);
  record.report('E_FIELD_MISSING', record.root, { field: name }, `.${name}`);
}

/** The first of several names that the record has. */
export function firstField(record: RecordContext, names: readonly Key[]): Key | undefined {
  return names.find((name) => record.has(name));
}

/** The first of several names that the record has as a string. */
export function firstText(record: RecordContext, names: readonly Key[]): Key | undefined {
  return names.find((name) => record.isText(name));
}

/** Appends a message whose content is one string of the source. */
export function addTextMessage(record: RecordContext, draft: Draft, role: number, text: number): DraftMessage {
  const message = draft.addMessage(text, role);
  message.content = CONTENT.text;
  message.contentNode = text;
  draft.addText(record.tape, text);
  message.textTo = draft.pieceLength;
  return message;
}

/** Appends a message whose content is two strings with a blank line between them. */
export function addJoinedMessage(
  record: RecordContext,
  draft: Draft,
  role: number,
  first: number,
  second: number,
): DraftMessage {
  const message = addTextMessage(record, draft, role, first);
  draft.addJoint();
  draft.addText(record.tape, second);
  message.textTo = draft.pieceLength;
  return message;
}

/** A system prompt before everything else. Empty is absent. */
export function addSystem(record: RecordContext, draft: Draft, key: Key = K.system): void {
  const system = optionalText(record, key);
  if (system >= 0 && !record.tape.isEmptyText(system)) addTextMessage(record, draft, ROLE.system, system);
}

/** Makes all messages from `from` on the side `messages` of a converted record. */
export function closeConversation(draft: Draft, from = 0): DraftSide {
  becomeConverted(draft);
  return draft.addSide(K.messages, 0, false, from, draft.messageCount);
}

/** The record gets another shape: what is left of it goes under metadata. */
export function becomeConverted(draft: Draft): void {
  draft.asIs = false;
  draft.keepsPlace = false;
}
