import { type Draft, type DraftMessage, ROLE } from './draft.ts';
import type { RecordContext } from './record.ts';

const ANSWERED = 1;
const PENDING = 0;

/** The calls of one message, and what has been answered of them. */
interface Group {
  from: number;
  to: number;
  /** Calls below this one have been answered. */
  next: number;
  state: Uint8Array;
  /** Calls by the text of their id. */
  byId: Map<string, number>;
}

/**
 * Matches tool results with the calls before them, by id or, where ids are missing on both sides or one call is pending,
 * by position. Reports calls and results that do not match.
 */
export function linkToolResults(record: RecordContext, draft: Draft, from: number, to: number): void {
  const state = new Uint8Array(draft.callCount);
  let group: Group = { from: 0, to: 0, next: 0, state, byId: new Map() };
  for (let i = from; i < to; i++) {
    const message = draft.message(i);
    if (message.role === ROLE.tool) {
      linkResult(record, draft, message, group);
      continue;
    }
    reportUnanswered(record, draft, group);
    group = {
      from: message.callFrom,
      to: message.callTo,
      next: message.callFrom,
      state,
      byId: idsOf(record, draft, message),
    };
  }
}

/** The ids of a message's calls; an id that is used twice is an error. */
function idsOf(record: RecordContext, draft: Draft, message: DraftMessage): Map<string, number> {
  const ids = new Map<string, number>();
  for (let c = message.callFrom; c < message.callTo; c++) {
    const { id } = draft.call(c);
    if (id < 0) continue;
    const text = record.text(id);
    if (ids.has(text)) record.report('E_TOOL_ID_DUP', id);
    ids.set(text, c);
  }
  return ids;
}

function linkResult(record: RecordContext, draft: Draft, message: DraftMessage, group: Group): void {
  if (message.answers < 0) {
    linkByPosition(record, draft, message, group);
    return;
  }
  const call = group.byId.get(record.text(message.answers));
  if (call === undefined) {
    record.report('E_TOOL_ID_UNKNOWN', message.answers);
    return;
  }
  if (group.state[call] === ANSWERED) record.report('E_TOOL_ID_DUP', message.answers);
  group.state[call] = ANSWERED;
}

function linkByPosition(record: RecordContext, draft: Draft, message: DraftMessage, group: Group): void {
  const first = nextPending(group, group.next);
  group.next = first;
  if (first === group.to) {
    record.report('E_TOOL_ID_UNKNOWN', message.node);
    return;
  }
  const isNamed = group.byId.size > 0;
  if (isNamed && nextPending(group, first + 1) < group.to) {
    record.report('E_TOOL_ID_MISSING', message.node, {}, '.tool_call_id');
    return;
  }
  if (isNamed) record.report('W_TOOL_ID_INFERRED', message.node);
  group.state[first] = ANSWERED;
  message.answersCall = first;
  draft.asIs = false;
}

/** The first call from `from` on that has no result, or the end of the group. */
function nextPending(group: Group, from: number): number {
  let call = from;
  while (call < group.to && group.state[call] !== PENDING) call++;
  return call;
}

function reportUnanswered(record: RecordContext, draft: Draft, group: Group): void {
  for (let c = group.from; c < group.to; c++) {
    if (group.state[c] === PENDING) record.report('W_TOOL_UNANSWERED', draft.call(c).node);
  }
}
