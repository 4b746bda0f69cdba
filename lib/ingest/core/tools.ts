import type { Draft } from './draft.ts';
import { K, type Key } from './keys.ts';
import type { RecordContext } from './record.ts';
import { NODE, TYPE } from './tape.ts';

const TOOL_KEYS: readonly Key[] = [K.tools, K.functions, K.available_tools];

/** Reads the record's tool definitions, in whatever field and dialect they stand, into the draft. */
export function readTools(record: RecordContext, draft: Draft): void {
  for (const key of TOOL_KEYS) {
    if (!record.has(key)) continue;
    readToolsField(record, draft, key, record.field(key));
    return;
  }
  const config = record.field(K.toolConfig);
  const tools = config >= 0 && record.tape.type(config) === TYPE.object ? record.tape.member(config, K.tools) : -1;
  if (tools >= 0) readToolsField(record, draft, 0, tools);
}

/** Reads tools that stand in the field `anchor`; 0 when they stand inside a field that is kept besides. */
export function readToolsField(record: RecordContext, draft: Draft, anchor: number, node: number): void {
  const { tape } = record;
  const type = tape.type(node);
  if (type === TYPE.null) return;
  if (anchor !== K.tools) draft.asIs = false;
  if (tape.isString(node)) {
    readToolsText(record, draft, anchor, node);
  } else if (type === TYPE.array) {
    takeTools(record, draft, anchor, node);
  } else {
    record.report('E_TOOLS_JSON', node);
  }
}

/** Tools as a string of JSON, as ShareGPT files have them. Empty means none. */
function readToolsText(record: RecordContext, draft: Draft, anchor: number, node: number): void {
  draft.asIs = false;
  if (anchor !== 0) record.claim(anchor);
  if (record.tape.isEmptyText(node)) return;
  const parsed = record.parseInside(node);
  if (parsed >= 0 && record.tape.type(parsed) === TYPE.array) takeTools(record, draft, anchor, parsed);
  else record.report('E_TOOLS_JSON', node);
}

function takeTools(record: RecordContext, draft: Draft, anchor: number, array: number): void {
  const { tape } = record;
  if (anchor !== 0) record.claim(anchor);
  draft.toolsNode = array;
  draft.toolsAnchor = anchor;
  for (let node = tape.first(array); node < tape.limit(array); node = tape.after(node)) takeTool(record, draft, node);
  for (let i = 0; i < draft.toolCount; i++) if (!draft.tool(i).asIs) draft.toolsAsIs = false;
  if (!draft.toolsAsIs) {
    draft.asIs = false;
    record.report('I_TOOL_WRAPPED', array);
  }
}

function takeTool(record: RecordContext, draft: Draft, node: number): void {
  const { tape } = record;
  if (tape.type(node) !== TYPE.object) {
    record.report('E_TOOLS_JSON', node);
    return;
  }
  const declarations = Math.max(tape.member(node, K.functionDeclarations), tape.member(node, K.function_declarations));
  if (declarations >= 0 && tape.type(declarations) === TYPE.array) {
    for (let at = tape.first(declarations); at < tape.limit(declarations); at = tape.after(at))
      takeTool(record, draft, at);
    draft.toolsAsIs = false;
    return;
  }
  const wrapped = Math.max(tape.member(node, K.function), tape.member(node, K.toolSpec));
  const isWrapped = wrapped >= 0 && tape.type(wrapped) === TYPE.object;
  const body = isWrapped ? wrapped : node;
  const asIs = isWrapped && tape.member(node, K.function) >= 0 && tape.member(node, K.type) >= 0;
  if (!asIs && tape.member(body, K.name) < 0) {
    draft.addTool(node, node, true);
    record.report('W_TOOLS_SCHEMA', node);
    return;
  }
  draft.addTool(node, body, asIs);
  checkTool(record, body);
}

function checkTool(record: RecordContext, body: number): void {
  const { tape } = record;
  const name = tape.member(body, K.name);
  const schema = schemaOf(record, body);
  if (name < 0 || !tape.isString(name)) record.report('W_TOOLS_SCHEMA', body);
  else if (schema >= 0 && !isObjectSchema(record, schema)) record.report('W_TOOLS_SCHEMA', schema);
}

/** The schema of a function's parameters, under the names that providers give it, or -1. */
export function schemaOf(record: RecordContext, body: number): number {
  const { tape } = record;
  const schema = Math.max(
    tape.member(body, K.parameters),
    tape.member(body, K.input_schema),
    tape.member(body, K.inputSchema),
  );
  if (schema < 0 || tape.type(schema) !== TYPE.object) return schema;
  const json = tape.member(schema, K.json);
  return tape.keyId(schema - NODE) === K.inputSchema && json >= 0 ? json : schema;
}

function isObjectSchema(record: RecordContext, schema: number): boolean {
  const { tape } = record;
  if (tape.type(schema) !== TYPE.object) return false;
  if (tape.first(schema) === tape.limit(schema)) return true;
  const type = tape.member(schema, K.type);
  return type >= 0 && tape.isString(type) && record.text(type).toLowerCase() === 'object';
}

/** Warns about calls to functions that the record's tools do not declare. */
export function checkDeclared(record: RecordContext, draft: Draft): void {
  if (draft.toolCount === 0 || draft.callCount === 0) return;
  const declared = new Set<string>();
  for (let i = 0; i < draft.toolCount; i++) {
    const name = record.tape.member(draft.tool(i).body, K.name);
    if (name >= 0 && record.tape.isString(name)) declared.add(record.text(name));
  }
  for (let i = 0; i < draft.callCount; i++) {
    const { name } = draft.call(i);
    if (!declared.has(record.text(name))) record.report('W_TOOL_NOT_DECLARED', name);
  }
}
