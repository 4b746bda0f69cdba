import { CONTENT, type Draft, type DraftMessage, JOINT, SERIALISED } from './draft.ts';
import type { RecordContext } from './record.ts';
import { FLAG } from './tape.ts';
import { rangeText, sameBytes } from './text.ts';

/** More than this apart, two texts do not differ in white space only. */
const MAX_SPACE_DIFFERENCE = 256;

/** True when two messages of a draft say the same: role, text, parts, reasoning and calls. */
export function sameMessage(record: RecordContext, draft: Draft, a: DraftMessage, b: DraftMessage): boolean {
  if (a.role !== b.role || a.content !== b.content) return false;
  if (a.content === CONTENT.parts || a.content === CONTENT.built)
    return sameSource(record, a.contentNode, b.contentNode);
  if (!samePieces(record, draft, [a.textFrom, a.textTo], [b.textFrom, b.textTo])) return false;
  if (!samePieces(record, draft, [a.reasoningFrom, a.reasoningTo], [b.reasoningFrom, b.reasoningTo])) return false;
  return sameCalls(record, draft, a, b);
}

function sameCalls(record: RecordContext, draft: Draft, a: DraftMessage, b: DraftMessage): boolean {
  if (a.callTo - a.callFrom !== b.callTo - b.callFrom) return false;
  for (let i = 0; i < a.callTo - a.callFrom; i++) {
    const one = draft.call(a.callFrom + i);
    const other = draft.call(b.callFrom + i);
    if (!record.textEquals(one.name, other.name) || !sameSource(record, one.args, other.args)) return false;
  }
  return true;
}

/** Byte equality of two source values. */
function sameSource(record: RecordContext, a: number, b: number): boolean {
  if (a < 0 || b < 0) return a === b;
  const { tape, workspace } = record;
  return sameBytes(workspace.view, tape.tokenStart(a), tape.tokenEnd(a), tape.tokenStart(b), tape.tokenEnd(b));
}

/** True when two texts of a draft are equal code point for code point. */
export function samePieces(
  record: RecordContext,
  draft: Draft,
  a: readonly [number, number],
  b: readonly [number, number],
): boolean {
  if (a[1] - a[0] === 3 && b[1] - b[0] === 3) {
    const one = draft.pieces[a[0] + 2] as number;
    const other = draft.pieces[b[0] + 2] as number;
    if (one >= 0 && other >= 0) return record.textEquals(one, other);
  }
  return piecesText(record, draft, a[0], a[1]) === piecesText(record, draft, b[0], b[1]);
}

/** The text of pieces `from` to `to`. Makes a string: for rare paths. */
export function piecesText(record: RecordContext, draft: Draft, from: number, to: number): string {
  let text = '';
  for (let i = from; i < to; i += 3) {
    const node = draft.pieces[i + 2] as number;
    if (node === JOINT) text += '\n\n';
    else if (node <= SERIALISED) text += record.sourceText(SERIALISED - node);
    else text += rangeText(record.workspace, draft.pieces[i] as number, draft.pieces[i + 1] as number);
  }
  return text;
}

/** True when two texts are different, but equal without their white space. */
export function differInSpaceOnly(
  record: RecordContext,
  draft: Draft,
  a: readonly [number, number],
  b: readonly [number, number],
): boolean {
  if (Math.abs(sourceLength(draft, a) - sourceLength(draft, b)) > MAX_SPACE_DIFFERENCE) return false;
  if (firstVisible(record, draft, a) !== firstVisible(record, draft, b)) return false;
  const one = piecesText(record, draft, a[0], a[1]);
  const other = piecesText(record, draft, b[0], b[1]);
  return one !== other && one.replace(/\s+/g, '') === other.replace(/\s+/g, '');
}

function sourceLength(draft: Draft, [from, to]: readonly [number, number]): number {
  let length = 0;
  for (let i = from; i < to; i += 3) length += (draft.pieces[i + 1] as number) - (draft.pieces[i] as number);
  return length;
}

/** First byte that is no space, or 0 when the text begins with an escape or is composed. */
function firstVisible(record: RecordContext, draft: Draft, [from, to]: readonly [number, number]): number {
  if (to - from !== 3) return 0;
  const node = draft.pieces[from + 2] as number;
  if (node < 0 || record.tape.has(node, FLAG.escaped)) return 0;
  const end = record.tape.end(node);
  for (let p = record.tape.start(node); p < end; p++) {
    const c = record.workspace.view.getUint8(p);
    if (c !== 0x20) return c < 0x80 ? c : 0;
  }
  return 0;
}
