import { sameMessage } from '../compare.ts';
import { isMessages } from '../conversation.ts';
import { type Draft, type DraftSide, ROLE } from '../draft.ts';
import { K, type KeyName } from '../keys.ts';
import type { RecordContext } from '../record.ts';
import { isBlankText } from '../white-space.ts';
import { addSystemField } from './messages.ts';
import { splitCommonPrefix, wrapAnswer } from './preference.ts';
import { addTextMessage, becomeConverted } from './sides.ts';

const LISTS: readonly KeyName[] = ['prompt', 'conversations', 'conversation', 'messages'];
const TEXTS: readonly KeyName[] = ['prompt', 'instruction', 'question', 'query', 'input'];

/** Reads the prompt of a pair from wherever the record has it. Undefined when there is none, or when it was refused. */
export function addPrompt(
  record: RecordContext,
  draft: Draft,
  chosen: DraftSide,
  rejected: DraftSide,
): DraftSide | undefined {
  const list = LISTS.find((key) => isMessages(record.tape, record.field(K[key])));
  if (list !== undefined) return addListPrompt(record, draft, list, chosen, rejected);
  const text = TEXTS.find((key) => record.isText(K[key]));
  if (text === undefined) return undefined;
  if (chosen.isText) return addTextPrompt(record, draft, text);
  return addTextPromptOfMessages(record, draft, text, chosen, rejected);
}

function addListPrompt(
  record: RecordContext,
  draft: Draft,
  key: KeyName,
  chosen: DraftSide,
  rejected: DraftSide,
): DraftSide | undefined {
  if (key !== 'prompt') becomeConverted(draft);
  const from = draft.messageCount;
  addSystemField(record, draft, K[key]);
  record.conversations.list(draft, record.claim(K[key]));
  const to = draft.messageCount;
  if (chosen.isText) {
    becomeConverted(draft);
    wrapAnswer(record, draft, chosen);
    wrapAnswer(record, draft, rejected);
  } else {
    for (const answer of [chosen, rejected]) dropRepeatedPrompt(record, draft, [from, to], answer);
  }
  return draft.addFirstSide('prompt', K[key], false, from, to);
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
function addTextPrompt(record: RecordContext, draft: Draft, key: KeyName): DraftSide {
  const from = draft.pieceLength;
  const texts: { key: KeyName; node: number }[] = [];
  const add = (name: KeyName) => {
    const node = record.field(K[name]);
    if (node < 0 || !record.tape.isString(node) || isBlankText(record, node)) return;
    texts.push({ key: name, node: record.claim(K[name]) });
  };
  if (record.isText(K.system)) add('system');
  texts.push({ key, node: record.claim(K[key]) });
  if (key === 'instruction') add('input');
  for (const [i, { node }] of texts.entries()) {
    if (i > 0) draft.addJoint();
    draft.addText(record.tape, node);
  }
  if (key !== 'prompt' || texts.length > 1) becomeConverted(draft);
  if (texts.length > 1) draft.originals.push({ name: 'alpaca', members: texts });
  return draft.addFirstSide('prompt', K[key], true, from, draft.pieceLength);
}

/** A prompt text beside message lists is the user message before them, or repeats what they begin with. */
function addTextPromptOfMessages(
  record: RecordContext,
  draft: Draft,
  key: KeyName,
  chosen: DraftSide,
  rejected: DraftSide,
): DraftSide | undefined {
  const first = chosen.to > chosen.from ? draft.message(chosen.from) : undefined;
  if (first?.role !== ROLE.assistant) {
    record.report('W_REDUNDANT_FIELD', record.field(K[key]), { field: key, kept: 'the messages' });
    return splitCommonPrefix(record, draft, chosen, rejected);
  }
  becomeConverted(draft);
  const from = draft.messageCount;
  addSystemField(record, draft, 0);
  addTextMessage(record, draft, ROLE.user, record.claim(K[key]));
  return draft.addFirstSide('prompt', K[key], false, from, draft.messageCount);
}
