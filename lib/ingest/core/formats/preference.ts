import { checkConversation } from '../check-conversation.ts';
import { isMessages } from '../conversation.ts';
import { type Draft, type DraftSide, ROLE } from '../draft.ts';
import { K } from '../keys.ts';
import type { RecordContext } from '../record.ts';
import { isBlankText } from '../white-space.ts';
import type { FormatReader } from './format.ts';
import { checkPrompt } from './pairs.ts';
import { eitherSide } from './sides.ts';

/** {prompt?, chosen, rejected}. */
export const preference: FormatReader = {
  format: 'preference',
  kind: 'preference',
  matches: (record) => record.has(K.chosen) && record.has(K.rejected),
  read(record, draft) {
    const prompt = record.isGiven(K.prompt) ? eitherSide(record, draft, 'prompt') : undefined;
    const chosen = eitherSide(record, draft, 'chosen');
    const rejected = eitherSide(record, draft, 'rejected');
    if (chosen === undefined || rejected === undefined) return;
    checkPreference(record, draft, prompt, chosen, rejected);
  },
};

function checkPreference(
  record: RecordContext,
  draft: Draft,
  prompt: DraftSide | undefined,
  chosen: DraftSide,
  rejected: DraftSide,
): void {
  const isMixed = chosen.isText !== rejected.isText || (prompt !== undefined && prompt.isText !== chosen.isText);
  if (isMixed) record.report('E_PREF_STYLE', record.field(rejected.anchor));
  if (prompt !== undefined) checkPrompt(record, draft, prompt);
  else if (chosen.isText) record.report('W_PREF_NO_PROMPT', record.root);
  for (const side of [chosen, rejected]) checkAnswer(record, draft, side);
  if (
    chosen.isText &&
    rejected.isText &&
    record.textEquals(record.field(chosen.anchor), record.field(rejected.anchor))
  ) {
    record.report('E_PREF_EQUAL', record.field(rejected.anchor));
  }
}

function checkAnswer(record: RecordContext, draft: Draft, side: DraftSide): void {
  const node = record.field(side.anchor);
  if (side.isText) {
    if (isBlankText(record, node)) record.report('E_PREF_EMPTY', node, { side: side.key });
    return;
  }
  if (side.to > side.from && draft.message(side.from).role !== ROLE.assistant && !isMessages(record.tape, node)) {
    record.report('E_PREF_ROLE', node, { side: side.key });
  }
  checkConversation(record, draft, side.from, side.to, 'answer');
}
