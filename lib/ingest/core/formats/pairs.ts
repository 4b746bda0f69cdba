import { checkConversation } from '../check-conversation.ts';
import { isMessages } from '../conversation.ts';
import type { Draft, DraftSide } from '../draft.ts';
import { K } from '../keys.ts';
import type { RecordContext } from '../record.ts';
import { TYPE } from '../tape.ts';
import { isBlankText } from '../white-space.ts';
import type { FormatReader } from './format.ts';
import { eitherSide, textSide } from './sides.ts';

/** {prompt, completion}, both strings or both lists of messages. */
export const promptCompletion: FormatReader = {
  format: 'prompt_completion',
  kind: 'prompt_completion',
  matches: (record) => isStyled(record, K.prompt) && (record.isGiven(K.completion) || record.isText(K.generation)),
  read(record, draft) {
    const source = record.has(K.completion) ? 'completion' : 'generation';
    if (source === 'generation') draft.asIs = false;
    const prompt = eitherSide(record, draft, 'prompt');
    const completion = eitherSide(record, draft, 'completion', source);
    checkPair(record, draft, prompt, completion);
  },
};

/** {prompt} alone. */
export const promptOnly: FormatReader = {
  format: 'prompt_only',
  kind: 'prompt_only',
  matches: (record) => isStyled(record, K.prompt),
  read(record, draft) {
    const prompt = eitherSide(record, draft, 'prompt');
    if (prompt !== undefined) checkPrompt(record, draft, prompt);
  },
};

/** {input, output} without an instruction. */
export const inputOutput: FormatReader = {
  format: 'input_output',
  kind: 'prompt_completion',
  matches: (record) => record.isText(K.input) && record.isText(K.output),
  read(record, draft) {
    draft.asIs = false;
    draft.keepsPlace = false;
    const prompt = textSide(record, draft, 'prompt', 'input');
    const completion = textSide(record, draft, 'completion', 'output');
    checkPair(record, draft, prompt, completion);
  },
};

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
  if (prompt.isText !== answer.isText) record.report('E_PREF_STYLE', record.field(answer.anchor));
  checkPrompt(record, draft, prompt);
  if (!answer.isText) checkConversation(record, draft, answer.from, answer.to, 'answer');
  else checkAnswerText(record, record.field(answer.anchor));
}

export function checkPrompt(record: RecordContext, draft: Draft, prompt: DraftSide): void {
  if (!prompt.isText) checkConversation(record, draft, prompt.from, prompt.to, 'prompt');
  else if (record.tape.isEmptyText(record.field(prompt.anchor)))
    record.report('W_CONTENT_EMPTY', record.field(prompt.anchor));
}

export function checkAnswerText(record: RecordContext, node: number): void {
  if (record.tape.type(node) === TYPE.string && isBlankText(record, node)) record.report('E_CONTENT_EMPTY', node);
}
