import { CONTENT, type Draft, type DraftCall, type DraftMessage } from './draft.ts';
import type { KeyName } from './keys.ts';
import { ObjectFields, placesOf } from './object-fields.ts';
import type { RecordContext } from './record.ts';
import { TYPE } from './tape.ts';

const CALL_KEYS = ['id', 'type', 'function', 'name', 'arguments', 'parameters'] as const satisfies readonly KeyName[];
const AT = placesOf(CALL_KEYS);
const call = new ObjectFields(CALL_KEYS);
const inner = new ObjectFields(CALL_KEYS);

/** Reads `tool_calls`: an array of {id, type, function: {name, arguments}}. */
export function addToolCalls(record: RecordContext, draft: Draft, array: number): void {
  const { tape } = record;
  if (tape.type(array) !== TYPE.array) {
    record.report('E_FIELD_TYPE', array, { expected: 'a list of tool calls', found: record.nameOfType(array) });
    return;
  }
  const limit = tape.limit(array);
  for (let node = tape.first(array); node < limit; node = tape.after(node)) addToolCall(record, draft, node);
}

function addToolCall(record: RecordContext, draft: Draft, node: number): void {
  const { tape } = record;
  if (tape.type(node) !== TYPE.object) {
    record.report('E_TOOLCALL_SHAPE', node, { field: 'function' });
    return;
  }
  call.read(tape, node);
  const type = call.at(AT.type);
  if (type < 0) draft.asIs = false;
  else if (!tape.isString(type) || record.text(type) !== 'function') {
    record.report('E_TOOLCALL_SHAPE', type, { field: 'type' });
    return;
  }
  const id = call.at(AT.id);
  const body = call.at(AT.function);
  if (body < 0) {
    draft.asIs = false;
    addNamed(record, draft, node, id);
  } else if (tape.type(body) !== TYPE.object) {
    record.report('E_TOOLCALL_SHAPE', body, { field: 'function' });
  } else {
    addNamed(record, draft, body, id);
  }
}

/** Reads the deprecated `function_call` object. False when it is unusable. */
export function addFunctionCall(record: RecordContext, draft: Draft, node: number): boolean {
  draft.asIs = false;
  if (record.tape.type(node) === TYPE.object) return addNamed(record, draft, node, -1) !== undefined;
  record.report('E_TOOLCALL_SHAPE', node, { field: 'name' });
  return false;
}

/** Reads a message whose content is JSON: one call {name, arguments}, or a list of them. */
export function addCallsFromText(record: RecordContext, draft: Draft, message: DraftMessage, content: number): void {
  const { tape } = record;
  draft.asIs = false;
  message.content = CONTENT.null;
  message.contentNode = content;
  const value = tape.isString(content) ? record.parseInside(content) : content;
  const type = value < 0 ? 0 : tape.type(value);
  if (type === TYPE.object) {
    addBare(record, draft, value);
  } else if (type === TYPE.array) {
    const limit = tape.limit(value);
    for (let node = tape.first(value); node < limit; node = tape.after(node)) addBare(record, draft, node);
  } else {
    record.report('E_TOOLCALL_ARGS_NOT_JSON', content);
  }
  message.callTo = draft.callCount;
}

function addBare(record: RecordContext, draft: Draft, node: number): void {
  if (record.tape.type(node) !== TYPE.object) {
    record.report('E_TOOLCALL_SHAPE', node, { field: 'name' });
    return;
  }
  call.read(record.tape, node);
  const body = call.at(AT.function);
  const id = call.at(AT.id);
  if (body >= 0 && record.tape.type(body) === TYPE.object) addNamed(record, draft, body, id);
  else addNamed(record, draft, node, id);
}

function addNamed(record: RecordContext, draft: Draft, node: number, id: number): DraftCall | undefined {
  const { tape } = record;
  inner.read(tape, node);
  const name = inner.at(AT.name);
  const args = inner.at(AT.arguments) >= 0 ? inner.at(AT.arguments) : inner.at(AT.parameters);
  if (name < 0 || !tape.isString(name) || tape.isEmptyText(name)) {
    record.report('E_TOOLCALL_SHAPE', name < 0 ? node : name, { field: 'name' }, name < 0 ? '.name' : '');
    return undefined;
  }
  if (args < 0) {
    record.report('E_TOOLCALL_SHAPE', node, { field: 'arguments' }, '.arguments');
    return undefined;
  }
  const added = draft.addCall(node);
  added.name = name;
  added.args = args;
  if (id >= 0 && tape.isString(id) && !tape.isEmptyText(id)) added.id = id;
  else draft.asIs = false;
  checkArguments(record, draft, args);
  return added;
}

function checkArguments(record: RecordContext, draft: Draft, args: number): void {
  const { tape } = record;
  if (tape.type(args) === TYPE.object) {
    draft.asIs = false;
    record.report('W_TOOLCALL_ARGS_OBJECT', args);
    return;
  }
  const value = tape.isString(args) ? record.parseInside(args) : -1;
  if (value >= 0 && tape.type(value) === TYPE.object) return;
  const isDouble = value >= 0 && tape.isString(value) && isObjectText(record, value);
  record.report(isDouble ? 'W_ARGS_DOUBLE_ENCODED' : 'E_TOOLCALL_ARGS_NOT_JSON', args);
}

function isObjectText(record: RecordContext, node: number): boolean {
  const value = record.parseInside(node);
  return value >= 0 && record.tape.type(value) === TYPE.object;
}
