import { KEY_COUNT, keyName } from './keys.ts';

/** A fixed piece of output. Its bytes lie at the start of every workspace, so that all output is copied ranges. */
export interface Literal {
  readonly start: number;
  readonly end: number;
}

const TEXTS = {
  none: '',
  newline: '\n',
  quote: '"',
  comma: ',',
  colon: ':',
  openObject: '{',
  closeObject: '}',
  openArray: '[',
  closeArray: ']',
  null: 'null',
  zero: '0',
  one: '1',
  true: 'true',
  false: 'false',
  escapedNewline: '\\n',
  blankLine: '\\n\\n',
  space: ' ',
  lineSeparator: '\\u2028',
  paragraphSeparator: '\\u2029',
  callPrefix: 'call_',
  roleSystem: '{"role":"system","content":',
  roleDeveloper: '{"role":"developer","content":',
  roleUser: '{"role":"user","content":',
  roleAssistant: '{"role":"assistant","content":',
  roleTool: '{"role":"tool","content":',
  reasoning: ',"reasoning_content":',
  toolCalls: ',"tool_calls":[',
  callId: '{"id":',
  callFunction: ',"type":"function","function":{"name":',
  callArguments: ',"arguments":',
  closeCall: '}}',
  toolCallId: ',"tool_call_id":',
  name: ',"name":',
  weight: ',"weight":',
  functionTool: '{"type":"function","function":',
  emptyObject: '{}',
  textPart: '{"type":"text","text":',
  imagePart: '{"type":"image_url","image_url":{"url":',
  dataUrl: '"data:',
  base64: ';base64,',
} as const;

export type LiteralName = keyof typeof TEXTS;

interface Pool {
  table: Record<LiteralName, Literal>;
  keys: Literal[];
  bytes: Uint8Array;
}

function layOut(): Pool {
  const table: Partial<Record<LiteralName, Literal>> = {};
  let text = '';
  const add = (value: string): Literal => {
    text += value;
    return { start: text.length - value.length, end: text.length };
  };
  for (const [name, value] of Object.entries(TEXTS)) table[name as LiteralName] = add(value);
  const keys = Array.from({ length: KEY_COUNT }, (_, id) => add(`"${keyName(id)}":`));
  return { table: table as Record<LiteralName, Literal>, keys, bytes: new TextEncoder().encode(text) };
}

const pool = layOut();

export const LITERALS: Readonly<Record<LiteralName, Literal>> = pool.table;
/** `"name":` of each known key, by its number. */
export const KEY_LITERALS: readonly Literal[] = pool.keys;
export const LITERAL_BYTES: Uint8Array = pool.bytes;
