import { endsOpen } from '../conversation.ts';
import { CONTENT, type Draft, ROLE } from '../draft.ts';
import { K, type Key } from '../keys.ts';
import type { RecordContext } from '../record.ts';
import { TYPE } from '../tape.ts';
import type { FormatReader } from './format.ts';
import { addSystemParts } from './messages.ts';
import { addTextMessage, becomeConverted, messagesSide } from './sides.ts';

const SYSTEMS: readonly Key[] = [K.systemInstruction, K.system_instruction];

/** {systemInstruction?, contents: [{role, parts}]} of Vertex AI. */
export const gemini: FormatReader = {
  format: 'gemini',
  kind: 'messages',
  needs: [[K.contents]],
  matches(record) {
    const { tape } = record;
    const list = record.field(K.contents);
    if (list < 0 || tape.type(list) !== TYPE.array || tape.first(list) === tape.limit(list)) return false;
    const first = tape.first(list);
    return tape.type(first) === TYPE.object && tape.member(first, K.parts) >= 0;
  },
  endsOpen: (record) => endsOpen(record, record.field(K.contents)),
  read(record, draft) {
    becomeConverted(draft);
    addInstruction(record, draft);
    const side = messagesSide(record, draft, K.messages, K.contents);
    if (side !== undefined) side.from = 0;
  },
};

function addInstruction(record: RecordContext, draft: Draft): void {
  const { tape } = record;
  const key = SYSTEMS.find((name) => record.isGiven(name));
  if (key === undefined) return;
  const node = record.claim(key);
  if (tape.isString(node)) {
    addTextMessage(record, draft, ROLE.system, node);
    return;
  }
  const parts = tape.type(node) === TYPE.object ? tape.member(node, K.parts) : -1;
  if (parts >= 0 && tape.type(parts) === TYPE.array) addSystemParts(record, draft, parts);
  else record.report('E_FIELD_TYPE', node, { expected: 'a text or {parts: [{text}]}', found: record.nameOfType(node) });
}

/** A turn of a Glaive transcript. */
const TURN = /(?:^|\n)\s*(USER|ASSISTANT|FUNCTION RESPONSE):\s?/g;
const CALL = /^<functioncall>\s*(\{[\s\S]*\})\s*$/;

/** {system, chat}: a transcript with USER:, ASSISTANT: and FUNCTION RESPONSE: (Glaive). */
export const glaiveRaw: FormatReader = {
  format: 'glaive_raw',
  kind: 'messages',
  needs: [[K.chat]],
  matches: (record) => record.isText(K.chat) && /(^|\n)\s*USER:/.test(record.text(record.field(K.chat))),
  read(record, draft) {
    becomeConverted(draft);
    const system = record.isText(K.system) ? record.claim(K.system) : -1;
    if (system >= 0) addText(record, draft, ROLE.system, system, record.text(system).replace(/^SYSTEM:\s?/, ''));
    const chat = record.claim(K.chat);
    for (const { role, text } of turnsOf(record.text(chat))) addTurn(record, draft, chat, role, text);
    draft.addSide(K.messages, 0, false, 0, draft.messageCount);
  },
};

function turnsOf(chat: string): { role: string; text: string }[] {
  const starts = [...chat.matchAll(TURN)];
  return starts.map((match, i) => {
    const from = match.index + match[0].length;
    const text = chat.slice(from, starts[i + 1]?.index ?? chat.length);
    return {
      role: match[1] ?? '',
      text: text
        .trim()
        .replace(/\s*<\|endoftext\|>$/, '')
        .trim(),
    };
  });
}

function addTurn(record: RecordContext, draft: Draft, chat: number, role: string, text: string): void {
  const call = role === 'ASSISTANT' ? CALL.exec(text)?.[1] : undefined;
  if (call === undefined) {
    const canonical = role === 'USER' ? ROLE.user : role === 'ASSISTANT' ? ROLE.assistant : ROLE.tool;
    addText(record, draft, canonical, chat, text);
    return;
  }
  const message = draft.addMessage(chat, ROLE.assistant);
  message.contentNode = chat;
  addCall(record, draft, chat, call);
  message.callTo = draft.callCount;
}

/** Glaive puts the arguments between single quotes, which JSON does not know. */
function addCall(record: RecordContext, draft: Draft, chat: number, text: string): void {
  const unquoted = text.replace(/("arguments"\s*:\s*)'([\s\S]*)'(\s*\})$/, '$1$2$3');
  const value = record.parseText(chat, unquoted);
  const { tape } = record;
  const name = value >= 0 && tape.type(value) === TYPE.object ? tape.member(value, K.name) : -1;
  if (name < 0 || !tape.isString(name)) {
    record.report('E_TEMPLATE', chat, { problem: 'a <functioncall> is not readable' });
    return;
  }
  const call = draft.addCall(chat);
  call.name = name;
  call.args = tape.member(value, K.arguments);
  if (call.args >= 0 && tape.type(call.args) !== TYPE.object) record.report('E_TOOLCALL_ARGS_NOT_JSON', chat);
}

function addText(record: RecordContext, draft: Draft, role: number, node: number, text: string): void {
  const message = draft.addMessage(node, role);
  message.content = CONTENT.text;
  message.textFrom = draft.pieceLength;
  const { start, end } = record.addScratchText(text);
  draft.addPiece(start, end, -1);
  message.textTo = draft.pieceLength;
}
