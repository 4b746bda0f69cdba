import { CONTENT, type Draft, type DraftMessage, ROLE } from './draft.ts';
import { K } from './keys.ts';
import { ObjectFields } from './object-fields.ts';
import { addResults, holdsResults, readParts } from './parts.ts';
import type { RecordContext } from './record.ts';
import { ROLE_ALIAS, ROLE_BITS, ROLE_CALLS, ROLE_TRIMMED, roleMeaning } from './roles.ts';
import { type Tape, TYPE } from './tape.ts';
import { addCallsFromText, addFunctionCall, addToolCalls } from './tool-calls.ts';

const AT = {
  role: 0,
  content: 1,
  from: 2,
  value: 3,
  text: 4,
  message: 5,
  parts: 6,
  reasoning_content: 7,
  reasoning: 8,
  thinking: 9,
  tool_calls: 10,
  function_call: 11,
  tool_call_id: 12,
  name: 13,
  weight: 14,
  loss: 15,
  train: 16,
  loss_weight: 17,
} as const;
const PLAIN = (1 << AT.role) | (1 << AT.content);
const REASONING = [AT.reasoning_content, AT.reasoning, AT.thinking] as const;
const LOSSES = [AT.loss, AT.train, AT.loss_weight] as const;
/** Members that have a place in every canonical message. */
const ALWAYS = PLAIN | bits(AT.tool_calls, AT.function_call, AT.tool_call_id, AT.name, AT.weight);

function bits(...places: readonly number[]): number {
  return places.reduce((mask, place) => mask | (1 << place), 0);
}

/** Bit of a message member in `DraftMessage.consumed`; 0 for members that no message has. */
export function messageBit(fields: ObjectFields, keyId: number): number {
  const place = fields.placeOf(keyId);
  return place < 0 ? 0 : 1 << place;
}

/** True when a value is a non-empty array whose elements are objects with a role. */
export function isMessages(tape: Tape, node: number): boolean {
  if (node < 0 || tape.type(node) !== TYPE.array) return false;
  const first = tape.first(node);
  if (first === tape.limit(node) || tape.type(first) !== TYPE.object) return false;
  return tape.member(first, K.role) >= 0 || tape.member(first, K.from) >= 0;
}

/** True when a value is one message object. */
export function isMessage(tape: Tape, node: number): boolean {
  if (node < 0 || tape.type(node) !== TYPE.object) return false;
  return tape.member(node, K.role) >= 0 || tape.member(node, K.from) >= 0;
}

/** True when the last message of a list, instructions aside, has a role that is not the assistant's. */
export function endsOpen(record: RecordContext, array: number): boolean {
  const { tape } = record;
  if (!isMessages(tape, array)) return false;
  let last = 0;
  for (let node = tape.first(array); node < tape.limit(array); node = tape.after(node)) {
    const role = tape.type(node) === TYPE.object ? roleOf(record, node) : 0;
    if (role !== ROLE.system && role !== ROLE.developer) last = role;
  }
  return last !== 0 && last !== ROLE.assistant;
}

function roleOf(record: RecordContext, message: number): number {
  const { tape } = record;
  const viaFrom = tape.member(message, K.role) < 0;
  const role = tape.member(message, viaFrom ? K.from : K.role);
  return role >= 0 && tape.isString(role) ? roleMeaning(record, role, viaFrom) & ROLE_BITS : 0;
}

/** Reads messages in the dialects that name a role and a content, and appends them to drafts. */
export class ConversationReader {
  private readonly record: RecordContext;
  private readonly fields = new ObjectFields(AT);

  constructor(record: RecordContext) {
    this.record = record;
  }

  /**
   * Reads an array of messages. Reports what is wrong, and clears `draft.asIs` when the canonical form is spelled
   * differently.
   */
  list(draft: Draft, array: number): void {
    const { record } = this;
    const { tape } = record;
    if (tape.type(array) !== TYPE.array) {
      record.report('E_FIELD_TYPE', array, { expected: 'a list of messages', found: record.nameOfType(array) });
      return;
    }
    const limit = tape.limit(array);
    if (tape.first(array) === limit) record.report('E_EMPTY_MESSAGES', array);
    for (let node = tape.first(array); node < limit; node = tape.after(node)) this.one(draft, node);
  }

  /** Reads one message object, which may become several messages: tool results stand apart from what the user says. */
  one(draft: Draft, node: number): void {
    const { record, fields } = this;
    if (record.tape.type(node) !== TYPE.object) {
      record.report('E_FIELD_TYPE', node, { expected: 'a message object', found: record.nameOfType(node) });
      return;
    }
    fields.read(record.tape, node);
    const meaning = this.role(draft, node);
    if (meaning === 0) return;
    const content = fields.at(AT.content);
    if (fields.mask === PLAIN && (meaning & ROLE_CALLS) === 0 && record.tape.isString(content)) {
      const message = draft.addMessage(node, meaning & ROLE_BITS);
      message.consumed = PLAIN;
      if (fields.others > 0) this.noteExtras(message);
      takeText(record.tape, draft, message, content);
      return;
    }
    this.rare(draft, node, meaning);
  }

  /** Bit of a member in `DraftMessage.consumed`. */
  bit(keyId: number): number {
    return messageBit(this.fields, keyId);
  }

  private noteExtras(message: DraftMessage): void {
    message.hasExtras = true;
    this.record.findings.count('T_MESSAGE_FIELD');
  }

  private role(draft: Draft, node: number): number {
    const { record, fields } = this;
    const viaFrom = fields.at(AT.role) < 0;
    const roleNode = viaFrom ? fields.at(AT.from) : fields.at(AT.role);
    if (roleNode < 0) {
      record.report('E_FIELD_MISSING', node, { field: 'role' }, '.role');
      return 0;
    }
    if (!record.tape.isString(roleNode)) {
      record.report('E_FIELD_TYPE', roleNode, { expected: 'a role name', found: record.nameOfType(roleNode) });
      return 0;
    }
    const meaning = roleMeaning(record, roleNode, viaFrom);
    if (viaFrom) draft.asIs = false;
    if (meaning === 0) {
      record.report('E_ROLE_UNKNOWN', roleNode, { role: record.text(roleNode).slice(0, 40) });
    } else if ((meaning & ROLE_ALIAS) !== 0) {
      draft.asIs = false;
      record.report((meaning & ROLE_TRIMMED) !== 0 ? 'W_ROLE_TRIMMED' : 'I_ROLE_ALIAS', roleNode);
    }
    return meaning;
  }

  /** Everything but `{role, content: "..."}`. */
  private rare(draft: Draft, node: number, meaning: number): void {
    const { record, fields } = this;
    const { tape } = record;
    const place = this.contentPlace(draft);
    const content = place < 0 ? -1 : fields.at(place);
    const role = meaning & ROLE_BITS;
    if (content >= 0 && holdsResults(record, content) && !addResults(record, draft, node, content)) return;
    const message = draft.addMessage(node, role);
    message.consumed = ALWAYS | (place < 0 ? 0 : 1 << place) | (1 << (fields.at(AT.role) < 0 ? AT.from : AT.role));
    this.reasoning(draft, message);
    message.name = this.textField(AT.name);
    message.answers = this.textField(AT.tool_call_id);
    this.weight(draft, message);
    message.callFrom = draft.callCount;
    if ((meaning & ROLE_CALLS) !== 0 && content >= 0) {
      addCallsFromText(record, draft, message, content);
    } else {
      if (this.given(AT.tool_calls) >= 0) addToolCalls(record, draft, this.given(AT.tool_calls));
      this.functionCall(draft);
      message.callTo = draft.callCount;
      this.content(draft, message, content);
    }
    if (message.callTo > message.callFrom && role !== ROLE.assistant) {
      record.report('E_TOOLCALL_SHAPE', tape.type(node) === TYPE.object ? node : content, { field: 'assistant role' });
    }
    if (fields.others > 0 || (fields.mask & ~message.consumed) !== 0) this.noteExtras(message);
    else if (hasMoreThanContent(message)) record.findings.count('T_MESSAGE_FIELD');
  }

  private functionCall(draft: Draft): void {
    const { record, fields } = this;
    if (fields.at(AT.function_call) < 0) return;
    draft.asIs = false;
    const node = this.given(AT.function_call);
    if (node >= 0 && addFunctionCall(record, draft, node)) record.report('W_FUNCTION_CALL', node);
  }

  private contentPlace(draft: Draft): number {
    if (this.fields.at(AT.content) >= 0) return AT.content;
    draft.asIs = false;
    for (const place of [AT.value, AT.text, AT.message, AT.parts]) if (this.fields.at(place) >= 0) return place;
    return -1;
  }

  private content(draft: Draft, message: DraftMessage, node: number): void {
    const { record } = this;
    const type = node < 0 ? TYPE.null : record.tape.type(node);
    message.contentNode = node;
    if (type === TYPE.string) {
      takeText(record.tape, draft, message, node);
    } else if (type === TYPE.array) {
      readParts(record, draft, message, node);
    } else if (type !== TYPE.null) {
      record.report('E_FIELD_TYPE', node, { expected: 'a string or a list of parts', found: record.nameOfType(node) });
    } else if (message.callTo === message.callFrom) {
      if (node < 0) record.report('E_CONTENT_MISSING', message.node, {}, '.content');
      else record.report('E_CONTENT_MISSING', node);
    }
  }

  private reasoning(draft: Draft, message: DraftMessage): void {
    for (const place of REASONING) {
      if (this.fields.at(place) < 0 || message.reasoningTo > message.reasoningFrom) continue;
      message.consumed |= 1 << place;
      if (place !== AT.reasoning_content) draft.asIs = false;
      const node = this.textField(place);
      if (node < 0) continue;
      message.reasoningFrom = draft.pieceLength;
      draft.addText(this.record.tape, node);
      message.reasoningTo = draft.pieceLength;
    }
  }

  /** A string member; null counts as absent. */
  private textField(place: number): number {
    const node = this.given(place);
    if (node < 0 || this.record.tape.isString(node)) return node;
    this.record.report('E_FIELD_TYPE', node, { expected: 'a string', found: this.record.nameOfType(node) });
    return -1;
  }

  private weight(draft: Draft, message: DraftMessage): void {
    const { record } = this;
    const weight = this.given(AT.weight);
    if (weight >= 0) {
      message.weight = unitNumber(record, weight);
      if (message.weight < 0) record.report('E_WEIGHT', weight);
      else if (message.role !== ROLE.assistant) record.report('W_WEIGHT_IGNORED', weight);
    }
    if (message.role === ROLE.assistant) for (const place of LOSSES) this.loss(draft, message, place);
  }

  /** `loss`, `train` and `loss_weight` become `weight` when they say all or nothing, and stay as they are otherwise. */
  private loss(draft: Draft, message: DraftMessage, place: number): void {
    const { record } = this;
    const node = this.given(place);
    if (node < 0) return;
    const type = record.tape.type(node);
    const value = type === TYPE.true ? 1 : type === TYPE.false ? 0 : wholeShare(record, node);
    if (value < 0) {
      record.report('W_WEIGHT_FRACTION', node);
      return;
    }
    draft.asIs = false;
    message.consumed |= 1 << place;
    if (message.weight < 0) message.weight = value;
  }

  /** Node of a member that is there and not null. */
  private given(place: number): number {
    const node = this.fields.at(place);
    return node >= 0 && this.record.tape.type(node) !== TYPE.null ? node : -1;
  }
}

function hasMoreThanContent(message: DraftMessage): boolean {
  return message.name >= 0 || message.weight >= 0 || message.reasoningTo > message.reasoningFrom;
}

function takeText(tape: Tape, draft: Draft, message: DraftMessage, node: number): void {
  message.content = CONTENT.text;
  message.contentNode = node;
  message.textFrom = draft.pieceLength;
  draft.addText(tape, node);
  message.textTo = draft.pieceLength;
}

/** 0 or 1 when the number is written so, else -1. `1.0` and `true` are neither. */
function unitNumber(record: RecordContext, node: number): number {
  const { tape } = record;
  if (tape.type(node) !== TYPE.number || tape.end(node) - tape.start(node) !== 1) return -1;
  const digit = record.workspace.view.getUint8(tape.start(node)) - 0x30;
  return digit <= 1 ? digit : -1;
}

/** 0 or 1 when a loss weight is exactly that, however it is written, else -1. */
function wholeShare(record: RecordContext, node: number): number {
  if (record.tape.type(node) !== TYPE.number) return -1;
  const share = Number(record.sourceText(node));
  return share === 0 || share === 1 ? share : -1;
}
