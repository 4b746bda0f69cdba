import { CONTENT, type Draft, type DraftCall, type DraftMessage } from './draft.ts';
import { K } from './keys.ts';
import type { RecordContext } from './record.ts';
import { TYPE } from './tape.ts';

const NAME = /^[A-Za-z0-9_-]{1,64}$/;
const MISTRAL_ID = /^[A-Za-z0-9]{9}$/;

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
  const type = tape.member(node, K.type);
  if (type < 0) draft.asIs = false;
  else if (!tape.isString(type) || record.text(type) !== 'function') {
    record.report('E_TOOLCALL_SHAPE', type, { field: 'type' });
    return;
  }
  const body = tape.member(node, K.function);
  if (body < 0) {
    draft.asIs = false;
    addNamed(record, draft, node, node);
  } else if (tape.type(body) !== TYPE.object) {
    record.report('E_TOOLCALL_SHAPE', body, { field: 'function' });
  } else {
    addNamed(record, draft, body, node);
  }
}

/** Reads the deprecated `function_call` object. False when it is unusable. */
export function addFunctionCall(record: RecordContext, draft: Draft, node: number): boolean {
  draft.asIs = false;
  if (record.tape.type(node) === TYPE.object) return addNamed(record, draft, node, -1) !== undefined;
  record.report('E_TOOLCALL_SHAPE', node, { field: 'name' });
  return false;
}

/** Reads a call that stands among content parts: tool_use of Anthropic, toolUse of Bedrock, functionCall of Gemini. */
export function addPartCall(record: RecordContext, draft: Draft, node: number): void {
  draft.asIs = false;
  addNamed(record, draft, node, node, true);
}

/** Reads a message whose content is JSON: one call {name, arguments}, or a list of them. */
export function addCallsFromText(record: RecordContext, draft: Draft, message: DraftMessage, content: number): void {
  const { tape } = record;
  draft.asIs = false;
  message.content = CONTENT.null;
  message.contentNode = content;
  const value = content >= 0 && tape.isString(content) ? record.parseInside(content) : content;
  addBareCalls(record, draft, value, content < 0 ? message.node : content);
  message.callTo = draft.callCount;
}

/** Reads one call {name, arguments}, or a list of them. `place` is what findings name when `value` is neither. */
export function addBareCalls(record: RecordContext, draft: Draft, value: number, place: number): void {
  const { tape } = record;
  const type = value < 0 ? 0 : tape.type(value);
  if (type === TYPE.object) {
    addBare(record, draft, value);
  } else if (type === TYPE.array) {
    const limit = tape.limit(value);
    for (let node = tape.first(value); node < limit; node = tape.after(node)) addBare(record, draft, node);
  } else {
    record.report('E_TOOLCALL_ARGS_NOT_JSON', place);
  }
}

function addBare(record: RecordContext, draft: Draft, node: number): void {
  const { tape } = record;
  if (tape.type(node) !== TYPE.object) {
    record.report('E_TOOLCALL_SHAPE', node, { field: 'name' });
    return;
  }
  const body = tape.member(node, K.function);
  addNamed(record, draft, body >= 0 && tape.type(body) === TYPE.object ? body : node, node);
}

/** `node` holds name and arguments, `holder` the id (-1: there is none). */
function addNamed(
  record: RecordContext,
  draft: Draft,
  node: number,
  holder: number,
  mayLackArguments = false,
): DraftCall | undefined {
  const { tape } = record;
  const name = tape.member(node, K.name);
  const args = argumentsOf(record, node);
  if (name < 0 || !tape.isString(name) || tape.isEmptyText(name)) {
    record.report('E_TOOLCALL_SHAPE', name < 0 ? node : name, { field: 'name' }, name < 0 ? '.name' : '');
    return undefined;
  }
  if (args < 0 && !mayLackArguments) {
    record.report('E_TOOLCALL_SHAPE', node, { field: 'arguments' }, '.arguments');
    return undefined;
  }
  const call = draft.addCall(node);
  call.name = name;
  call.args = args;
  call.id = holder < 0 ? -1 : idOf(record, holder);
  if (call.id < 0) draft.asIs = false;
  if (!NAME.test(record.text(name))) record.report('W_TOOL_NAME', name);
  if (call.id < 0 || !MISTRAL_ID.test(record.text(call.id))) record.findings.count('W_TOOL_ID_MISTRAL');
  if (args >= 0) checkArguments(record, draft, args);
  return call;
}

function argumentsOf(record: RecordContext, node: number): number {
  for (const key of [K.arguments, K.parameters, K.input, K.args]) {
    const args = record.tape.member(node, key);
    if (args >= 0) return args;
  }
  return -1;
}

function idOf(record: RecordContext, node: number): number {
  const { tape } = record;
  const id = Math.max(tape.member(node, K.id), tape.member(node, K.toolUseId));
  return id >= 0 && tape.isString(id) && !tape.isEmptyText(id) ? id : -1;
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
