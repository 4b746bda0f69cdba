import { checkConversation } from '../check-conversation.ts';
import { differInSpaceOnly, sameMessage, samePieces } from '../compare.ts';
import { isMessage, isMessages } from '../conversation.ts';
import { type Draft, type DraftSide, ROLE } from '../draft.ts';
import { K, type Key, keyName } from '../keys.ts';
import type { RecordContext } from '../record.ts';
import { TYPE } from '../tape.ts';
import { isBlankText } from '../white-space.ts';
import type { FormatReader } from './format.ts';
import { checkPrompt } from './pairs.ts';
import { addPrompt } from './preference-prompt.ts';
import { becomeConverted } from './sides.ts';
import { splitTranscripts } from './transcript.ts';

const PAIRS: readonly (readonly [Key, Key])[] = [
  [K.chosen, K.rejected],
  [K.chosen_response, K.rejected_response],
  [K.chosen_messages, K.rejected_messages],
  [K.response_j, K.response_k],
];
const REJECTED: readonly Key[] = [K.rejected_response, K.rejected_messages, K.rejected_message];

/** A chosen and a rejected answer under any of their names, with or without a prompt. */
export const preference: FormatReader = {
  format: 'preference',
  kind: 'preference',
  needs: [[...PAIRS.map(([, rejected]) => rejected), ...REJECTED]],
  matches: (record) => pairOf(record) !== undefined || rejectedOnly(record) !== undefined,
  read(record, draft) {
    const pair = pairOf(record);
    if (pair === undefined) readRejectedOnly(record, draft, rejectedOnly(record) ?? K.rejected_response);
    else readPair(record, draft, pair[0], pair[1]);
    if (record.isGiven(K.margin)) draft.values.push({ key: K.margin, node: record.claim(K.margin), anchor: K.margin });
  },
};

function pairOf(record: RecordContext): readonly [Key, Key] | undefined {
  return PAIRS.find(([chosen, rejected]) => record.has(chosen) && record.has(rejected));
}

/** ms-swift: the conversation holds the chosen answer, a field the rejected one. */
function rejectedOnly(record: RecordContext): Key | undefined {
  if (!isMessages(record.tape, record.field(K.messages))) return undefined;
  return REJECTED.find((key) => record.isGiven(key));
}

function readPair(record: RecordContext, draft: Draft, chosenKey: Key, rejectedKey: Key): void {
  if (chosenKey !== K.chosen) becomeConverted(draft);
  const chosen = readAnswer(record, draft, K.chosen, chosenKey);
  const rejected = readAnswer(record, draft, K.rejected, rejectedKey);
  if (chosen === undefined || rejected === undefined) return;
  if (chosen.isText !== rejected.isText) {
    record.report('E_PREF_STYLE', record.field(rejected.anchor));
    return;
  }
  const prompt = addPrompt(record, draft, chosen, rejected);
  if (record.rejected) return;
  if (prompt === undefined) withoutPrompt(record, draft, chosen, rejected);
  else finishPair(record, draft, prompt, chosen, rejected);
}

/** An answer is a string, a list of messages, one message, or an object that holds messages. */
export function readAnswer(record: RecordContext, draft: Draft, key: Key, source: Key): DraftSide | undefined {
  const { tape } = record;
  const node = record.claim(source);
  const pieces = draft.pieceLength;
  const messages = draft.messageCount;
  if (tape.isString(node)) {
    draft.addText(tape, node);
    return draft.addSide(key, source, true, pieces, draft.pieceLength);
  }
  const inner = tape.type(node) === TYPE.object ? tape.member(node, K.messages) : -1;
  if (isMessage(tape, node)) {
    draft.asIs = false;
    record.conversations.one(draft, node);
  } else if (inner >= 0) {
    draft.asIs = false;
    record.conversations.list(draft, inner);
  } else if (tape.type(node) === TYPE.array) {
    record.conversations.list(draft, node);
  } else {
    record.report('E_FIELD_TYPE', node, { expected: 'a string or messages', found: record.nameOfType(node) });
    return undefined;
  }
  return draft.addSide(key, source, false, messages, draft.messageCount);
}

function withoutPrompt(record: RecordContext, draft: Draft, chosen: DraftSide, rejected: DraftSide): void {
  if (chosen.isText) {
    if (!splitTranscripts(record, draft, chosen, rejected)) record.report('W_PREF_NO_PROMPT', record.root);
    finishPair(record, draft, undefined, chosen, rejected);
    return;
  }
  const prompt = splitCommonPrefix(record, draft, chosen, rejected);
  if (prompt !== undefined) finishPair(record, draft, prompt, chosen, rejected);
}

/** Makes the messages that both answers begin with the prompt. */
export function splitCommonPrefix(
  record: RecordContext,
  draft: Draft,
  chosen: DraftSide,
  rejected: DraftSide,
): DraftSide | undefined {
  const most = Math.min(chosen.to - chosen.from, rejected.to - rejected.from);
  let shared = 0;
  while (
    shared < most &&
    sameMessage(record, draft, draft.message(chosen.from + shared), draft.message(rejected.from + shared))
  )
    shared++;
  const isPrefix = shared === most;
  if (isPrefix && chosen.to - chosen.from === rejected.to - rejected.from) {
    record.report('E_PREF_EQUAL', record.field(rejected.anchor));
    return undefined;
  }
  const diverges = (side: DraftSide) => draft.message(side.from + shared).role === ROLE.assistant;
  if (shared === 0 || isPrefix || !diverges(chosen) || !diverges(rejected)) {
    record.report('E_PREF_PROMPT_MISMATCH', record.field(rejected.anchor));
    return undefined;
  }
  becomeConverted(draft);
  const from = chosen.from;
  chosen.from += shared;
  rejected.from += shared;
  return draft.addFirstSide(K.prompt, 0, false, from, from + shared);
}

/** The conversation's answer is chosen; what follows the last user message is the answer. */
function readRejectedOnly(record: RecordContext, draft: Draft, rejectedKey: Key): void {
  becomeConverted(draft);
  const chosen = readAnswer(record, draft, K.chosen, K.messages);
  const rejected = readAnswer(record, draft, K.rejected, rejectedKey);
  if (chosen === undefined || rejected === undefined) return;
  if (rejected.isText) wrapAnswer(record, draft, rejected);
  const isWhole = rejected.to > rejected.from && draft.message(rejected.from).role !== ROLE.assistant;
  const prompt = isWhole ? splitCommonPrefix(record, draft, chosen, rejected) : splitAfterUser(record, draft, chosen);
  if (prompt !== undefined) finishPair(record, draft, prompt, chosen, rejected);
}

function splitAfterUser(record: RecordContext, draft: Draft, chosen: DraftSide): DraftSide | undefined {
  let last = chosen.to - 1;
  while (last >= chosen.from && draft.message(last).role !== ROLE.user) last--;
  if (last < chosen.from || last === chosen.to - 1) {
    record.report('E_PREF_ROLE', record.field(chosen.anchor), { side: 'chosen' });
    return undefined;
  }
  const from = chosen.from;
  chosen.from = last + 1;
  return draft.addFirstSide(K.prompt, 0, false, from, last + 1);
}

/** Makes a text the content of an assistant message. */
export function wrapAnswer(record: RecordContext, draft: Draft, side: DraftSide): void {
  const node = record.field(side.anchor);
  const message = draft.addMessage(node, ROLE.assistant);
  message.content = 1;
  message.contentNode = node;
  message.textFrom = side.from;
  message.textTo = side.to;
  side.isText = false;
  side.from = draft.messageCount - 1;
  side.to = draft.messageCount;
}

export function finishPair(
  record: RecordContext,
  draft: Draft,
  prompt: DraftSide | undefined,
  chosen: DraftSide,
  rejected: DraftSide,
): void {
  if (prompt !== undefined) {
    checkPrompt(record, draft, prompt);
    const last = prompt.isText || prompt.to === prompt.from ? undefined : draft.message(prompt.to - 1);
    if (last?.role === ROLE.assistant) record.report('W_PREF_PREFILL', last.node);
  }
  checkAnswer(record, draft, chosen);
  checkAnswer(record, draft, rejected);
  if (!record.rejected) comparePair(record, draft, chosen, rejected);
}

function checkAnswer(record: RecordContext, draft: Draft, side: DraftSide): void {
  const node = record.field(side.anchor);
  if (side.isText) {
    if (isBlankText(record, node)) record.report('E_PREF_EMPTY', node, { side: keyName(side.key) });
    return;
  }
  if (side.to === side.from) return;
  if (draft.message(side.from).role !== ROLE.assistant) record.report('E_PREF_ROLE', node, { side: keyName(side.key) });
  if (side.to - side.from > 1) record.findings.count('T_PREF_LONG');
  checkConversation(record, draft, side.from, side.to, 'answer');
}

function comparePair(record: RecordContext, draft: Draft, chosen: DraftSide, rejected: DraftSide): void {
  const node = record.field(rejected.anchor);
  const a = textRange(draft, chosen);
  const b = textRange(draft, rejected);
  if (isSame(record, draft, chosen, rejected)) record.report('E_PREF_EQUAL', node);
  else if (a !== undefined && b !== undefined && differInSpaceOnly(record, draft, a, b))
    record.report('W_PREF_SPACE', node);
}

function isSame(record: RecordContext, draft: Draft, a: DraftSide, b: DraftSide): boolean {
  if (a.isText) return samePieces(record, draft, [a.from, a.to], [b.from, b.to]);
  if (a.to - a.from !== b.to - b.from) return false;
  for (let i = 0; i < a.to - a.from; i++) {
    if (!sameMessage(record, draft, draft.message(a.from + i), draft.message(b.from + i))) return false;
  }
  return true;
}

/** Pieces of a side that is one text, or one message without calls. */
function textRange(draft: Draft, side: DraftSide): [number, number] | undefined {
  if (side.isText) return [side.from, side.to];
  const message = draft.message(side.from);
  const isSingle = side.to - side.from === 1 && message.callTo === message.callFrom;
  return isSingle ? [message.textFrom, message.textTo] : undefined;
}
