import { checkConversation } from '../check-conversation.ts';
import { isMessages } from '../conversation.ts';
import type { Draft, DraftSide } from '../draft.ts';
import { K, type Key } from '../keys.ts';
import type { RecordContext } from '../record.ts';
import { TYPE } from '../tape.ts';
import { isBlankText } from '../white-space.ts';
import type { FormatReader } from './format.ts';
import { becomeConverted, eitherSide } from './sides.ts';

const REWARDS: readonly Key[] = [K.reward, K.score];
/** Fields that a reward function reads. */
const VERIFIERS: readonly Key[] = [
  K.ground_truth,
  K.reference_answer,
  K.reward_model,
  K.solution,
  K.answer,
  K.verifier,
];

/** {prompt, completion}, both strings or both lists of messages. */
export const promptCompletion: FormatReader = {
  format: 'prompt_completion',
  kind: 'prompt_completion',
  needs: [[K.prompt], [K.completion, K.generation]],
  matches: (record) => isStyled(record, K.prompt) && (record.isGiven(K.completion) || record.isText(K.generation)),
  read: (record, draft) => readPair(record, draft, K.prompt, record.has(K.completion) ? K.completion : K.generation),
};

/** {prompt, response} without a reward. */
export const promptResponse: FormatReader = {
  format: 'prompt_response',
  kind: 'prompt_completion',
  needs: [[K.prompt], [K.response]],
  matches: (record) => isStyled(record, K.prompt) && record.isGiven(K.response),
  read: (record, draft) => readPair(record, draft, K.prompt, K.response),
};

/** {input, output} without an instruction. */
export const inputOutput: FormatReader = {
  format: 'input_output',
  kind: 'prompt_completion',
  needs: [[K.input], [K.output]],
  matches: (record) => record.isText(K.input) && record.isText(K.output),
  read: (record, draft) => readPair(record, draft, K.input, K.output),
};

function readPair(record: RecordContext, draft: Draft, prompt: Key, completion: Key): void {
  if (prompt !== K.prompt || completion !== K.completion) becomeConverted(draft);
  const asked = eitherSide(record, draft, K.prompt, prompt);
  const answered = eitherSide(record, draft, K.completion, completion);
  checkPair(record, draft, asked, answered);
}

/** {prompt, response, reward}: answers with a number. */
export const scored: FormatReader = {
  format: 'scored',
  kind: 'scored',
  needs: [[K.prompt], [K.response], REWARDS],
  matches: (record) => isStyled(record, K.prompt) && record.isGiven(K.response) && rewardKey(record) !== undefined,
  read(record, draft) {
    const prompt = eitherSide(record, draft, K.prompt);
    const response = eitherSide(record, draft, K.response);
    checkPair(record, draft, prompt, response);
    const key = rewardKey(record) ?? K.reward;
    if (key !== K.reward) becomeConverted(draft);
    draft.values.push({ key: K.reward, node: record.claim(key), anchor: key });
  },
};

function rewardKey(record: RecordContext): Key | undefined {
  return REWARDS.find((key) => record.typeOf(key) === TYPE.number);
}

/** {prompt} alone, or with fields that say how to judge an answer. */
export const rlPrompt: FormatReader = {
  format: 'rl_prompt',
  kind: 'prompt_only',
  needs: [[K.prompt], VERIFIERS],
  matches: (record) =>
    isStyled(record, K.prompt) &&
    !record.isGiven(K.completion) &&
    !record.isGiven(K.response) &&
    !record.isGiven(K.generation) &&
    VERIFIERS.some((key) => record.has(key)),
  read: readPrompt,
};

export const promptOnly: FormatReader = {
  format: 'prompt_only',
  kind: 'prompt_only',
  needs: [[K.prompt]],
  matches: (record) => isStyled(record, K.prompt),
  read: readPrompt,
};

function readPrompt(record: RecordContext, draft: Draft): void {
  const prompt = eitherSide(record, draft, K.prompt);
  if (prompt !== undefined) checkPrompt(record, draft, prompt);
}

export function isStyled(record: RecordContext, keyId: number): boolean {
  return record.isText(keyId) || isMessages(record.tape, record.field(keyId));
}

/** Checks a prompt and its answer: the same style, and something in the answer. */
export function checkPair(
  record: RecordContext,
  draft: Draft,
  prompt: DraftSide | undefined,
  answer: DraftSide | undefined,
): void {
  if (prompt === undefined || answer === undefined) return;
  const node = record.field(answer.anchor);
  if (prompt.isText !== answer.isText) record.report('E_PREF_STYLE', node);
  checkPrompt(record, draft, prompt);
  if (!answer.isText) checkConversation(record, draft, answer.from, answer.to, 'answer');
  else if (isBlankText(record, node)) record.report('E_CONTENT_EMPTY', node);
}

export function checkPrompt(record: RecordContext, draft: Draft, prompt: DraftSide): void {
  const node = record.field(prompt.anchor);
  if (!prompt.isText) checkConversation(record, draft, prompt.from, prompt.to, 'prompt');
  else if (node >= 0 && record.tape.isEmptyText(node)) record.report('W_CONTENT_EMPTY', node);
}
