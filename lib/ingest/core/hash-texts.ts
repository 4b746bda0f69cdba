import type { Draft } from './draft.ts';
import { hashBytes } from './hash.ts';
import { K } from './keys.ts';
import type { RecordContext } from './record.ts';

/** Hash of what a question-answer or classification record asks: all texts but the last message's, or the text and its pair. */
export function hashQuestion(record: RecordContext, draft: Draft): number {
  if (draft.messageCount === 0) return hashPieces(record, draft, 0, draft.pieceLength);
  return hashPieces(record, draft, 0, draft.message(draft.messageCount - 1).textFrom);
}

/** Hash of its answer: the last message, or the label. */
export function hashAnswer(record: RecordContext, draft: Draft): number {
  if (draft.messageCount > 0) {
    const last = draft.message(draft.messageCount - 1);
    return hashPieces(record, draft, last.textFrom, last.textTo);
  }
  const label = draft.values.find(({ key }) => key === K.label);
  if (label === undefined) return 0;
  return hashBytes(record.workspace.view, record.tape.tokenStart(label.node), record.tape.tokenEnd(label.node));
}

function hashPieces(record: RecordContext, draft: Draft, from: number, to: number): number {
  let hash = 0;
  for (let i = from; i < to; i += 3) {
    const piece = hashBytes(record.workspace.view, draft.pieces[i] as number, draft.pieces[i + 1] as number);
    hash = ((hash % 0x1000000000000) * 31 + piece) % Number.MAX_SAFE_INTEGER;
  }
  return hash;
}
