import { CONTENT, type Draft, type DraftMessage, ROLE, ROLE_NAMES } from './draft.ts';
import type { RecordContext } from './record.ts';
import { linkToolResults } from './tool-results.ts';
import { isBlankText, isInvisibleText, touchesSpace } from './white-space.ts';

/** What the messages are for: a whole training conversation, something to be answered, or an answer. */
export type Purpose = 'training' | 'prompt' | 'answer';

/** Checks the order, the contents and the tool calls of messages `from` to `to` of a draft. */
export function checkConversation(
  record: RecordContext,
  draft: Draft,
  from: number,
  to: number,
  purpose: Purpose,
): void {
  if (to === from) return;
  let users = 0;
  let assistants = 0;
  let systems = 0;
  let weighted = 0;
  let turns = 0;
  let tools = 0;
  let before = 0;
  for (let i = from; i < to; i++) {
    const message = draft.message(i);
    const role = message.role;
    if (role === ROLE.assistant) {
      assistants++;
      if (message.weight === 0) weighted++;
      checkAssistant(record, draft, message, purpose);
    } else {
      if (message.content === CONTENT.text && isEmpty(draft, message)) record.report('W_CONTENT_EMPTY', message.node);
      if (role === ROLE.user) users++;
      else if (role !== ROLE.tool) {
        systems++;
        if (role === ROLE.developer) record.findings.count('T_DEVELOPER_ROLE');
        if (turns > 0) record.report('W_SYSTEM_NOT_FIRST', message.node);
      }
    }
    if (role === ROLE.tool) tools++;
    if (role === ROLE.tool || message.callTo > message.callFrom) record.findings.count('T_TOOL_ROLE');
    if (role === before && role !== ROLE.tool && role > ROLE.developer) {
      record.report('W_ROLE_REPEAT', message.node, { role: ROLE_NAMES[role] as string });
    }
    if (role > ROLE.developer) turns++;
    if (turns === 1 && role === ROLE.assistant && purpose !== 'answer') record.report('W_FIRST_NOT_USER', message.node);
    before = role;
  }
  if (draft.callCount > 0 || tools > 0) linkToolResults(record, draft, from, to);
  if (systems > 1) record.report('W_MULTI_SYSTEM', draft.message(from).node);
  if (purpose !== 'training') return;
  checkEnds(record, draft, to, users, assistants);
  if (assistants > 0 && weighted === assistants) record.report('W_ALL_WEIGHT_ZERO', draft.message(from).node);
}

function checkEnds(record: RecordContext, draft: Draft, to: number, users: number, assistants: number): void {
  const last = lastSpeaker(draft, to);
  if (assistants === 0) record.report('E_NO_ASSISTANT', record.root);
  else if (last.role !== ROLE.assistant) record.report('E_LAST_NOT_ASSISTANT', last.node);
  else if (last.callTo > last.callFrom) record.findings.count('T_LAST_TOOL_CALL');
  if (users === 0 && assistants > 0) record.report('W_NO_USER', record.root);
}

function isEmpty(draft: Draft, message: DraftMessage): boolean {
  for (let i = message.textFrom; i < message.textTo; i += 3) {
    if ((draft.pieces[i] as number) < (draft.pieces[i + 1] as number)) return false;
  }
  return true;
}

function checkAssistant(record: RecordContext, draft: Draft, message: DraftMessage, purpose: Purpose): void {
  if (message.callTo > message.callFrom && !isEmpty(draft, message)) record.findings.count('T_CONTENT_AND_CALLS');
  if (message.content !== CONTENT.text || message.contentNode < 0) return;
  const { tape } = record;
  const node = message.contentNode;
  if (!tape.isString(node) || !touchesSpace(record, node)) return;
  const hasCalls = message.callTo > message.callFrom;
  if (isBlankText(record, node)) {
    if (hasCalls || message.weight === 0 || purpose === 'prompt') return;
    record.report('E_CONTENT_EMPTY', node);
  } else if (isInvisibleText(record, node)) {
    record.report('W_CONTENT_INVISIBLE', node);
  } else {
    record.report('W_CONTENT_WHITESPACE', node);
  }
}

/** The last message that is no instruction: a system message at the end is out of place, but answers nobody. */
function lastSpeaker(draft: Draft, to: number): DraftMessage {
  let last = to - 1;
  while (last > 0 && isInstruction(draft.message(last).role)) last--;
  return draft.message(last);
}

function isInstruction(role: number): boolean {
  return role === ROLE.system || role === ROLE.developer;
}
