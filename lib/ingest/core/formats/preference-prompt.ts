import { sameMessage } from '../compare.ts';
import { isMessages } from '../conversation.ts';
import { type Draft, type DraftSide, ROLE } from '../draft.ts';
import { K, type Key, keyName } from '../keys.ts';
import type { RecordContext } from '../record.ts';
import { isBlankText } from '../white-space.ts';
import { addSystemField } from './messages.ts';
import { splitCommonPrefix, wrapAnswer } from './preference.ts';
import { addTextMessage, becomeConverted } from './sides.ts';

const LISTS: readonly Key[] = [K.prompt, K.conversations, K.conversation, K.messages];
const TEXTS: readonly Key[] = [K.prompt, K.instruction, K.question, K.query, K.input];

/** Reads the prompt of a pair from wherever the record has it. Undefined when there is none, or when it was refused. */
export function addPrompt(
  record: RecordContext,
  draft: Draft,
  chosen: DraftSide,
  rejected: DraftSide,
): DraftSide | undefined {
  const list = LISTS.find((key) => isMessages(record.tape, record.field(key)));
  if (list !== undefined) return addListPrompt(record, draft, list, chosen, rejected);
  const text = TEXTS.find((key) => record.isText(key));
  if (text === undefined) return undefined;
  if (chosen.isText) return addTextPrompt(record, draft, text);
  return addTextPromptOfMessages(record, draft, text, chosen, rejected);
}

function addListPrompt(
  record: RecordContext,
  draft: Draft,
  key: Key,
  chosen: DraftSide,
  rejected: DraftSide,
): DraftSide | undefined {
  if (key !== K.prompt) becomeConverted(draft);
  const from = draft.messageCount;
  addSystemField(record, draft, key);
  record.conversations.list(draft, record.claim(key));
  const to = draft.messageCount;
  if (chosen.isText) {
    becomeConverted(draft);
    wrapAnswer(record, draft, chosen);
    wrapAnswer(record, draft, rejected);
  } else {
    for (const answer of [chosen, rejected]) dropRepeatedPrompt(record, draft, [from, to], answer);
  }
  return draft.addFirstSide(K.prompt, key, false, from, to);
}

/** Answers that begin with the whole prompt lose it. */
function dropRepeatedPrompt(
  record: RecordContext,
  draft: Draft,
  [from, to]: readonly [number, number],
  answer: DraftSide,
): void {
  const size = to - from;
  if (answer.to - answer.from <= size) return;
  for (let i = 0; i < size; i++) {
    if (!sameMessage(record, draft, draft.message(from + i), draft.message(answer.from + i))) return;
  }
  answer.from += size;
  draft.asIs = false;
  record.report('W_PREF_PROMPT_REPEATED', record.field(answer.anchor));
}

/** Instruction and input are joined as in alpaca; a system prompt goes before them. */
function addTextPrompt(record: RecordContext, draft: Draft, key: Key): DraftSide {
  const from = draft.pieceLength;
  const texts: { key: Key; node: number }[] = [];
  const add = (name: Key) => {
    const node = record.field(name);
    if (node < 0 || !record.tape.isString(node) || isBlankText(record, node)) return;
    texts.push({ key: name, node: record.claim(name) });
  };
  if (record.isText(K.system)) add(K.system);
  texts.push({ key, node: record.claim(key) });
  if (key === K.instruction) add(K.input);
  for (const [i, { node }] of texts.entries()) {
    if (i > 0) draft.addJoint();
    draft.addText(record.tape, node);
  }
  if (key !== K.prompt || texts.length > 1) becomeConverted(draft);
  if (texts.length > 1) {
    const originals = draft.addOriginals(K.alpaca);
    for (const { key: name, node } of texts) originals.add(name, node);
  }
  return draft.addFirstSide(K.prompt, key, true, from, draft.pieceLength);
}

/** A prompt text beside message lists is the user message before them, or repeats what they begin with. */
function addTextPromptOfMessages(
  record: RecordContext,
  draft: Draft,
  key: Key,
  chosen: DraftSide,
  rejected: DraftSide,
): DraftSide | undefined {
  const first = chosen.to > chosen.from ? draft.message(chosen.from) : undefined;
  if (first?.role !== ROLE.assistant) {
    record.report('W_REDUNDANT_FIELD', record.field(key), { field: keyName(key), kept: 'the messages' });
    return splitCommonPrefix(record, draft, chosen, rejected);
  }
  becomeConverted(draft);
  const from = draft.messageCount;
  addSystemField(record, draft, 0);
  addTextMessage(record, draft, ROLE.user, record.claim(key));
  return draft.addFirstSide(K.prompt, key, false, from, draft.messageCount);
}
