import { KEY_COUNT, keyName } from './keys.ts';

/** A fixed piece of output. Its bytes lie at the start of every workspace, so that all output is copied ranges. */
export interface Literal {
  readonly start: number;
  readonly end: number;
}

let pool = '';

function literal(text: string): Literal {
  pool += text;
  return { start: pool.length - text.length, end: pool.length };
}

export const LITERALS = {
  none: literal(''),
  newline: literal('\n'),
  quote: literal('"'),
  comma: literal(','),
  colon: literal(':'),
  openObject: literal('{'),
  closeObject: literal('}'),
  openArray: literal('['),
  closeArray: literal(']'),
  null: literal('null'),
  zero: literal('0'),
  one: literal('1'),
  true: literal('true'),
  false: literal('false'),
  escapedNewline: literal('\\n'),
  blankLine: literal('\\n\\n'),
  space: literal(' '),
  lineSeparator: literal('\\u2028'),
  paragraphSeparator: literal('\\u2029'),
  callPrefix: literal('call_'),
  roleSystem: literal('{"role":"system","content":'),
  roleDeveloper: literal('{"role":"developer","content":'),
  roleUser: literal('{"role":"user","content":'),
  roleAssistant: literal('{"role":"assistant","content":'),
  roleTool: literal('{"role":"tool","content":'),
  reasoning: literal(',"reasoning_content":'),
  toolCalls: literal(',"tool_calls":['),
  callId: literal('{"id":'),
  callFunction: literal(',"type":"function","function":{"name":'),
  callArguments: literal(',"arguments":'),
  closeCall: literal('}}'),
  toolCallId: literal(',"tool_call_id":'),
  name: literal(',"name":'),
  weight: literal(',"weight":'),
  functionTool: literal('{"type":"function","function":'),
  emptyObject: literal('{}'),
  textPart: literal('{"type":"text","text":'),
  imagePart: literal('{"type":"image_url","image_url":{"url":'),
  dataUrl: literal('"data:'),
  base64: literal(';base64,'),
} as const;

/** `"name":` of each known key, by its number. */
export const KEY_LITERALS: readonly Literal[] = Array.from({ length: KEY_COUNT }, (_, id) =>
  literal(`"${keyName(id)}":`),
);

export const LITERAL_BYTES: Uint8Array = new TextEncoder().encode(pool);
