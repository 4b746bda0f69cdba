import { checkConversation } from '../check-conversation.ts';
import { isMessages } from '../conversation.ts';
import { type Draft, type DraftSide, ROLE } from '../draft.ts';
import { K, type Key } from '../keys.ts';
import type { RecordContext } from '../record.ts';
import { FLAG, NODE, TYPE } from '../tape.ts';
import { readToolsField } from '../tools.ts';
import { isBlankText } from '../white-space.ts';
import { bytesBeside, mayExpand } from './expansion.ts';
import type { FormatReader } from './format.ts';
import { checkPair, isStyled } from './pairs.ts';
import { finishPair, readAnswer } from './preference.ts';
import { becomeConverted, eitherSide, textSide } from './sides.ts';

const LABELS: readonly Key[] = [K.label, K.kto_tag];
const LISTS: readonly Key[] = [K.messages, K.conversations, K.conversation];
const RANK_LIMIT = 32;

/** {input: {messages}, preferred_output, non_preferred_output} of OpenAI, Azure, Fireworks and Together. */
export const openaiPreference: FormatReader = {
  format: 'openai_preference',
  kind: 'preference',
  needs: [[K.input], [K.preferred_output], [K.non_preferred_output]],
  matches(record) {
    const input = record.field(K.input);
    if (input < 0 || record.tape.type(input) !== TYPE.object) return false;
    return (
      record.has(K.preferred_output) && record.has(K.non_preferred_output) && record.tape.member(input, K.messages) >= 0
    );
  },
  read(record, draft) {
    becomeConverted(draft);
    const prompt = readInput(record, draft);
    const chosen = readAnswer(record, draft, K.chosen, K.preferred_output);
    const rejected = readAnswer(record, draft, K.rejected, K.non_preferred_output);
    if (chosen === undefined || rejected === undefined || record.rejected) return;
    finishPair(record, draft, prompt, chosen, rejected);
  },
};

function readInput(record: RecordContext, draft: Draft): DraftSide {
  const { tape } = record;
  const input = record.field(K.input);
  record.conversations.list(draft, tape.member(input, K.messages));
  const side = draft.addSide(K.prompt, K.input, false, 0, draft.messageCount);
  let others = 0;
  for (let key = input + NODE; key < tape.limit(input); key = tape.after(key + NODE)) {
    const id = tape.keyId(key);
    if (id === K.tools) readToolsField(record, draft, 0, key + NODE);
    else if (id === K.parallel_tool_calls)
      draft.values.push({ key: K.parallel_tool_calls, node: key + NODE, anchor: 0 });
    else if (id !== K.messages) others++;
  }
  if (others === 0) record.claim(K.input);
  return side;
}

/** One answer with a verdict: {prompt, completion, label}, or a conversation with a label (KTO). */
export const kto: FormatReader = {
  format: 'kto',
  kind: 'unpaired',
  needs: [[K.label, K.kto_tag]],
  matches(record) {
    const label = labelKey(record);
    if (label === undefined) return false;
    if (isStyled(record, K.prompt) && record.isGiven(K.completion)) return true;
    return listKey(record) !== undefined && (label === K.kto_tag || isBool(record, label));
  },
  read(record, draft) {
    const label = labelKey(record) ?? K.label;
    const list = listKey(record);
    if (!isBool(record, label)) record.report('E_LABEL_NOT_BOOL', record.field(label));
    if (label !== K.label) becomeConverted(draft);
    if (isStyled(record, K.prompt) && record.isGiven(K.completion)) {
      const prompt = eitherSide(record, draft, K.prompt);
      const completion = eitherSide(record, draft, K.completion);
      checkPair(record, draft, prompt, completion);
    } else if (list !== undefined) {
      readJudged(record, draft, list);
    }
    draft.values.push({ key: K.label, node: record.claim(label), anchor: label });
  },
};

function labelKey(record: RecordContext): Key | undefined {
  return LABELS.find((key) => record.has(key));
}

function listKey(record: RecordContext): Key | undefined {
  return LISTS.find((key) => isMessages(record.tape, record.field(key)));
}

function isBool(record: RecordContext, key: Key): boolean {
  const type = record.typeOf(key);
  return type === TYPE.true || type === TYPE.false;
}

/** The last assistant message and what follows it is the completion. */
function readJudged(record: RecordContext, draft: Draft, list: Key): void {
  becomeConverted(draft);
  const node = record.claim(list);
  record.conversations.list(draft, node);
  let last = draft.messageCount - 1;
  while (last >= 0 && draft.message(last).role !== ROLE.assistant) last--;
  if (last < 0) {
    if (!record.rejected) record.report('E_NO_ASSISTANT', node);
    return;
  }
  draft.addSide(K.prompt, 0, false, 0, last);
  draft.addSide(K.completion, 0, false, last, draft.messageCount);
  checkConversation(record, draft, 0, last, 'prompt');
  checkConversation(record, draft, last, draft.messageCount, 'answer');
}

/** {prompt, answers: [{answer, rank}]}: becomes pairs only when it is asked for. */
export const ranked: FormatReader = {
  format: 'ranked',
  kind: 'preference',
  needs: [[K.prompt], [K.answers]],
  matches(record) {
    const { tape } = record;
    const answers = record.field(K.answers);
    if (!record.isText(K.prompt) || answers < 0 || tape.type(answers) !== TYPE.array) return false;
    const first = tape.first(answers);
    if (first === tape.limit(answers) || tape.type(first) !== TYPE.object) return false;
    return tape.member(first, K.answer) >= 0 && tape.member(first, K.rank) >= 0;
  },
  read(record) {
    record.report('E_FORMAT_OPT_IN', record.root, { format: 'ranked' });
  },
  expand(record, draft, emit) {
    if (record.options.format !== 'ranked') {
      record.report('E_FORMAT_OPT_IN', record.root, { format: 'ranked' });
      return;
    }
    const list = record.field(K.answers);
    const answers = rankedAnswers(record);
    const pairs = (answers.length * (answers.length - 1)) / 2;
    if (record.rejected || !mayExpand(record, pairs, bytesBeside(record, list))) return;
    record.report('W_EXPANDED', record.field(K.answers));
    for (const [i, better] of answers.entries()) {
      for (const worse of answers.slice(i + 1))
        if (worse.rank > better.rank) emitPair(record, draft, better.text, worse.text, emit);
    }
  },
};

function rankedAnswers(record: RecordContext): { text: number; rank: number }[] {
  const { tape } = record;
  const list = record.claim(K.answers);
  const answers: { text: number; rank: number }[] = [];
  for (let node = tape.first(list); node < tape.limit(list); node = tape.after(node)) {
    const text = tape.type(node) === TYPE.object ? tape.member(node, K.answer) : -1;
    const rank = tape.type(node) === TYPE.object ? tape.member(node, K.rank) : -1;
    if (
      text < 0 ||
      !tape.isString(text) ||
      rank < 0 ||
      !tape.has(rank, FLAG.integer) ||
      answers.length === RANK_LIMIT
    ) {
      record.report('E_FIELD_TYPE', node, {
        expected: `up to ${RANK_LIMIT} of {answer, rank}`,
        found: record.nameOfType(node),
      });
      break;
    }
    if (isBlankText(record, text)) record.report('E_PREF_EMPTY', text, { side: 'ranked' });
    answers.push({ text, rank: Number(record.sourceText(rank)) });
  }
  return answers.sort((a, b) => a.rank - b.rank);
}

function emitPair(record: RecordContext, draft: Draft, better: number, worse: number, emit: () => void): void {
  becomeConverted(draft);
  textSide(record, draft, K.prompt);
  for (const [key, node] of [[K.chosen, better] as const, [K.rejected, worse] as const]) {
    const from = draft.pieceLength;
    draft.addText(record.tape, node);
    draft.addSide(key, 0, true, from, draft.pieceLength);
  }
  emit();
}
