import { type Draft, type DraftMessage, ROLE } from './draft.ts';
import type { RecordContext } from './record.ts';

const ANSWERED = 1;
const PENDING = 0;

/**
 * Matches tool results with the calls before them, by id or, where ids are missing on both sides or one call is pending,
 * by position. Reports calls and results that do not match.
 */
export function linkToolResults(record: RecordContext, draft: Draft, from: number, to: number): void {
  const state = new Uint8Array(draft.callCount);
  let groupFrom = 0;
  let groupTo = 0;
  for (let i = from; i < to; i++) {
    const message = draft.message(i);
    if (message.role === ROLE.tool) {
      linkResult(record, draft, message, { state, groupFrom, groupTo });
      continue;
    }
    reportUnanswered(record, draft, state, groupFrom, groupTo);
    groupFrom = message.callFrom;
    groupTo = message.callTo;
    if (groupTo > groupFrom) checkIds(record, draft, message);
  }
}

interface Group {
  state: Uint8Array;
  groupFrom: number;
  groupTo: number;
}

function linkResult(record: RecordContext, draft: Draft, message: DraftMessage, group: Group): void {
  const { state, groupFrom, groupTo } = group;
  if (message.answers < 0) {
    linkByPosition(record, draft, message, group);
    return;
  }
  for (let c = groupFrom; c < groupTo; c++) {
    const id = draft.call(c).id;
    if (id < 0 || !record.textEquals(id, message.answers)) continue;
    if (state[c] === ANSWERED) record.report('E_TOOL_ID_DUP', message.answers);
    state[c] = ANSWERED;
    return;
  }
  record.report('E_TOOL_ID_UNKNOWN', message.answers);
}

function linkByPosition(record: RecordContext, draft: Draft, message: DraftMessage, group: Group): void {
  const { state, groupFrom, groupTo } = group;
  let next = -1;
  let pending = 0;
  let named = 0;
  for (let c = groupFrom; c < groupTo; c++) {
    if (state[c] !== PENDING) continue;
    if (next < 0) next = c;
    pending++;
    if (draft.call(c).id >= 0) named++;
  }
  if (pending === 0) {
    record.report('E_TOOL_ID_UNKNOWN', message.node);
  } else if (pending > 1 && named > 0) {
    record.report('E_TOOL_ID_MISSING', message.node, {}, '.tool_call_id');
  } else {
    if (named > 0) record.report('W_TOOL_ID_INFERRED', message.node);
    state[next] = ANSWERED;
    message.answersCall = next;
    draft.asIs = false;
  }
}

function checkIds(record: RecordContext, draft: Draft, message: DraftMessage): void {
  for (let c = message.callFrom; c < message.callTo; c++) {
    const id = draft.call(c).id;
    if (id < 0) continue;
    for (let earlier = message.callFrom; earlier < c; earlier++) {
      const other = draft.call(earlier).id;
      if (other >= 0 && record.textEquals(other, id)) record.report('E_TOOL_ID_DUP', id);
    }
  }
}

function reportUnanswered(record: RecordContext, draft: Draft, state: Uint8Array, from: number, to: number): void {
  for (let c = from; c < to; c++) if (state[c] === PENDING) record.report('W_TOOL_UNANSWERED', draft.call(c).node);
}
