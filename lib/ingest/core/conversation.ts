import { CONTENT, type Draft, type DraftMessage, ROLE } from './draft.ts';
import { K, type KeyName } from './keys.ts';
import { ObjectFields, placesOf } from './object-fields.ts';
import { readParts } from './parts.ts';
import type { RecordContext } from './record.ts';
import { ROLE_ALIAS, ROLE_BITS, ROLE_CALLS, ROLE_TRIMMED, roleMeaning } from './roles.ts';
import { FLAG, type Tape, TYPE } from './tape.ts';
import { addCallsFromText, addFunctionCall, addToolCalls } from './tool-calls.ts';

const MESSAGE_KEYS = [
  'role',
  'from',
  'content',
  'value',
  'text',
  'message',
  'reasoning_content',
  'reasoning',
  'thinking',
  'tool_calls',
  'function_call',
  'tool_call_id',
  'name',
  'weight',
  'loss',
  'train',
  'loss_weight',
] as const satisfies readonly KeyName[];
const AT = placesOf(MESSAGE_KEYS);
const fields = new ObjectFields(MESSAGE_KEYS);

/** True when a value is a non-empty array whose elements are objects with a role. */
export function isMessages(tape: Tape, node: number): boolean {
  if (node < 0 || tape.type(node) !== TYPE.array) return false;
  const first = tape.first(node);
  if (first === tape.limit(node) || tape.type(first) !== TYPE.object) return false;
  return tape.member(first, K.role) >= 0 || tape.member(first, K.from) >= 0;
}

/** True when the last message of a list has a role, and it is not the assistant's. */
export function endsOpen(record: RecordContext, array: number): boolean {
  const { tape } = record;
  if (!isMessages(tape, array)) return false;
  let last = -1;
  for (let node = tape.first(array); node < tape.limit(array); node = tape.after(node)) last = node;
  if (tape.type(last) !== TYPE.object) return false;
  const viaFrom = tape.member(last, K.role) < 0;
  const role = viaFrom ? tape.member(last, K.from) : tape.member(last, K.role);
  if (role < 0 || !tape.isString(role)) return false;
  const meaning = roleMeaning(record, role, viaFrom) & ROLE_BITS;
  return meaning !== 0 && meaning !== ROLE.assistant;
}

/**
 * Reads an array of messages in any of the dialects that name a role and a content. Appends them to the draft, reports
 * what is wrong, and clears `draft.asIs` when the canonical form is spelled differently.
 */
export function readMessages(record: RecordContext, draft: Draft, array: number): void {
  const tape = record.tape;
  if (tape.type(array) !== TYPE.array) {
    record.report('E_FIELD_TYPE', array, { expected: 'a list of messages', found: record.nameOfType(array) });
    return;
  }
  const limit = tape.limit(array);
  if (tape.first(array) === limit) record.report('E_EMPTY_MESSAGES', array);
  for (let node = tape.first(array); node < limit; node = tape.after(node)) readMessage(record, draft, node);
}

/** Reads one message object. */
export function readMessage(record: RecordContext, draft: Draft, node: number): void {
  const tape = record.tape;
  if (tape.type(node) !== TYPE.object) {
    record.report('E_FIELD_TYPE', node, { expected: 'a message object', found: record.nameOfType(node) });
    return;
  }
  fields.read(tape, node);
  let roleNode = fields.at(AT.role);
  const viaFrom = roleNode < 0;
  if (viaFrom) {
    roleNode = fields.at(AT.from);
    draft.asIs = false;
  }
  const meaning = readRole(record, draft, node, roleNode, viaFrom);
  if (meaning === 0) return;
  const message = draft.addMessage(node, meaning & ROLE_BITS);
  message.hasExtras = fields.others > 0;
  if (message.hasExtras) record.findings.count('T_NAME_FIELD');
  const isPlain = fields.at(AT.content) >= 0 && tape.isString(fields.at(AT.content)) && !hasRareFields();
  if (isPlain && (meaning & ROLE_CALLS) === 0) {
    takeText(tape, draft, message, fields.at(AT.content));
    return;
  }
  readRareFields(record, draft, message, meaning);
}

function hasRareFields(): boolean {
  for (let place = AT.reasoning_content; place < MESSAGE_KEYS.length; place++) if (fields.at(place) >= 0) return true;
  return false;
}

function readRole(record: RecordContext, draft: Draft, node: number, roleNode: number, viaFrom: boolean): number {
  if (roleNode < 0) {
    record.report('E_FIELD_MISSING', node, { field: 'role' }, '.role');
    return 0;
  }
  if (!record.tape.isString(roleNode)) {
    record.report('E_FIELD_TYPE', roleNode, { expected: 'a role name', found: record.nameOfType(roleNode) });
    return 0;
  }
  const meaning = roleMeaning(record, roleNode, viaFrom);
  if (meaning === 0) {
    record.report('E_ROLE_UNKNOWN', roleNode, { role: record.text(roleNode).slice(0, 40) });
  } else if ((meaning & ROLE_ALIAS) !== 0) {
    draft.asIs = false;
    record.report((meaning & ROLE_TRIMMED) !== 0 ? 'W_ROLE_TRIMMED' : 'I_ROLE_ALIAS', roleNode);
  } else if (record.tape.has(roleNode, FLAG.escaped)) {
    draft.asIs = false;
  }
  return meaning;
}

function takeText(tape: Tape, draft: Draft, message: DraftMessage, node: number): void {
  message.content = CONTENT.text;
  message.contentNode = node;
  message.textFrom = draft.pieceLength;
  draft.addText(tape, node);
  message.textTo = draft.pieceLength;
}

/** Everything but `{role, content: "..."}`. The order matters: nested reads reuse `fields`. */
function readRareFields(record: RecordContext, draft: Draft, message: DraftMessage, meaning: number): void {
  const { tape } = record;
  const calls = given(tape, fields.at(AT.tool_calls));
  const functionCall = given(tape, fields.at(AT.function_call));
  const content = contentNode(draft);
  readNames(record, draft, message);
  readWeight(record, draft, message);
  message.callFrom = draft.callCount;
  if ((meaning & ROLE_CALLS) !== 0 && content >= 0) {
    addCallsFromText(record, draft, message, content);
    return;
  }
  if (calls >= 0) addToolCalls(record, draft, calls);
  if (functionCall >= 0 && addFunctionCall(record, draft, functionCall)) record.report('W_FUNCTION_CALL', functionCall);
  message.callTo = draft.callCount;
  readContent(record, draft, message, content);
}

function contentNode(draft: Draft): number {
  if (fields.at(AT.content) >= 0) return fields.at(AT.content);
  draft.asIs = false;
  for (const place of [AT.value, AT.text, AT.message]) if (fields.at(place) >= 0) return fields.at(place);
  return -1;
}

function readContent(record: RecordContext, draft: Draft, message: DraftMessage, node: number): void {
  const { tape } = record;
  const type = node < 0 ? TYPE.null : tape.type(node);
  message.contentNode = node;
  if (type === TYPE.string) {
    takeText(tape, draft, message, node);
  } else if (type === TYPE.array) {
    readParts(record, draft, message, node);
  } else if (type !== TYPE.null) {
    record.report('E_FIELD_TYPE', node, { expected: 'a string or a list of parts', found: record.nameOfType(node) });
  } else if (message.callTo === message.callFrom) {
    if (node < 0) record.report('E_CONTENT_MISSING', message.node, {}, '.content');
    else record.report('E_CONTENT_MISSING', node);
  }
}

function readNames(record: RecordContext, draft: Draft, message: DraftMessage): void {
  const { tape } = record;
  message.reasoning = textField(record, fields.at(AT.reasoning_content));
  for (const place of [AT.reasoning, AT.thinking]) {
    const node = fields.at(place);
    if (node < 0) continue;
    draft.asIs = false;
    if (message.reasoning < 0) message.reasoning = textField(record, node);
  }
  message.name = textField(record, fields.at(AT.name));
  message.answers = textField(record, fields.at(AT.tool_call_id));
  if (fields.at(AT.function_call) >= 0 && given(tape, fields.at(AT.function_call)) < 0) draft.asIs = false;
}

/** A string member; null counts as absent. */
function textField(record: RecordContext, node: number): number {
  if (node < 0 || record.tape.type(node) === TYPE.null) return -1;
  if (record.tape.isString(node)) return node;
  record.report('E_FIELD_TYPE', node, { expected: 'a string', found: record.nameOfType(node) });
  return -1;
}

function readWeight(record: RecordContext, draft: Draft, message: DraftMessage): void {
  const { tape } = record;
  const weight = given(tape, fields.at(AT.weight));
  if (weight >= 0) {
    message.weight = unitNumber(record, weight);
    if (message.weight < 0) record.report('E_WEIGHT', weight);
    else if (message.role !== ROLE.assistant) record.report('W_WEIGHT_IGNORED', weight);
  }
  if (message.role === ROLE.assistant) readLoss(record, draft, message);
  else if ([AT.loss, AT.train, AT.loss_weight].some((place) => fields.at(place) >= 0)) message.hasExtras = true;
}

/** `loss`, `train` and `loss_weight` become `weight` when they say all or nothing, and stay as they are otherwise. */
function readLoss(record: RecordContext, draft: Draft, message: DraftMessage): void {
  const { tape } = record;
  for (const place of [AT.loss, AT.train, AT.loss_weight]) {
    const node = given(tape, fields.at(place));
    if (node < 0) continue;
    const type = tape.type(node);
    const value = type === TYPE.true ? 1 : type === TYPE.false ? 0 : unitNumber(record, node);
    if (value < 0) {
      record.report('W_WEIGHT_FRACTION', node);
      message.hasExtras = true;
      continue;
    }
    draft.asIs = false;
    message.mapsLoss = true;
    if (message.weight < 0) message.weight = value;
  }
}

/** 0 or 1 when the number is written so, else -1. */
function unitNumber(record: RecordContext, node: number): number {
  const { tape } = record;
  if (tape.type(node) !== TYPE.number || tape.end(node) - tape.start(node) !== 1) return -1;
  const digit = record.workspace.view.getUint8(tape.start(node)) - 0x30;
  return digit <= 1 ? digit : -1;
}

function given(tape: Tape, node: number): number {
  return node >= 0 && tape.type(node) !== TYPE.null ? node : -1;
}
