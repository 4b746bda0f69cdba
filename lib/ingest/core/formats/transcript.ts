import type { Draft, DraftSide } from '../draft.ts';
import { K } from '../keys.ts';
import type { RecordContext } from '../record.ts';
import { sameBytes } from '../text.ts';
import { becomeConverted } from './sides.ts';

const HUMAN = bytesOf('\\n\\nHuman:');
const ASSISTANT = bytesOf('\\n\\nAssistant:');

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/**
 * Splits transcripts in the style of HH-RLHF: what stands before the last answer is the prompt, which both must share.
 * False when they are no such transcripts.
 */
export function splitTranscripts(record: RecordContext, draft: Draft, chosen: DraftSide, rejected: DraftSide): boolean {
  const { tape, workspace } = record;
  const a = record.field(chosen.anchor);
  const b = record.field(rejected.anchor);
  if (!beginsWith(record, a, HUMAN) || !beginsWith(record, b, HUMAN)) return false;
  const endA = lastIndex(record, a, ASSISTANT);
  const endB = lastIndex(record, b, ASSISTANT);
  if (endA < 0 || endB < 0) return false;
  if (!sameBytes(workspace.view, tape.start(a), endA, tape.start(b), endB)) {
    record.report('E_PREF_PROMPT_MISMATCH', b);
    return true;
  }
  becomeConverted(draft);
  const from = draft.pieceLength;
  draft.addPiece(tape.start(a), endA, -1);
  draft.addPiece(endA, tape.end(a), -1);
  draft.addPiece(endB, tape.end(b), -1);
  draft.addFirstSide(K.prompt, 0, true, from, from + 3);
  chosen.from = from + 3;
  chosen.to = from + 6;
  rejected.from = from + 6;
  rejected.to = from + 9;
  return true;
}

function beginsWith(record: RecordContext, node: number, bytes: Uint8Array): boolean {
  const start = record.tape.start(node);
  return start + bytes.length <= record.tape.end(node) && matchesAt(record.workspace.view, start, bytes);
}

/** Offset after the last occurrence, or -1. The first backslash must not itself be escaped. */
function lastIndex(record: RecordContext, node: number, bytes: Uint8Array): number {
  const { view } = record.workspace;
  const start = record.tape.start(node);
  for (let p = record.tape.end(node) - bytes.length; p >= start; p--) {
    if (matchesAt(view, p, bytes) && (p === start || view.getUint8(p - 1) !== 0x5c)) return p + bytes.length;
  }
  return -1;
}

function matchesAt(view: DataView, at: number, bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (view.getUint8(at + i) !== bytes[i]) return false;
  return true;
}
