import { CONTENT, type Draft, type DraftCall, type DraftMessage, type DraftSide, type DraftValue } from './draft.ts';
import { K, type KeyName } from './keys.ts';
import { KEY_LITERALS, LITERALS, type Literal } from './literals.ts';
import type { RecordContext } from './record.ts';
import { EDIT, FLAG, NODE, TYPE } from './tape.ts';

const ROLE_LITERALS: readonly Literal[] = [
  LITERALS.none,
  LITERALS.roleSystem,
  LITERALS.roleDeveloper,
  LITERALS.roleUser,
  LITERALS.roleAssistant,
  LITERALS.roleTool,
];
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Fields of converted records that keep their name, in this order. */
const CARRIED: readonly KeyName[] = [
  'tools',
  'parallel_tool_calls',
  'images',
  'videos',
  'audios',
  'chat_template_kwargs',
];
const LOSS_KEYS: ReadonlySet<number> = new Set([K.loss, K.train, K.loss_weight]);
const PLACED_NAMES: readonly KeyName[] = [
  ...(['role', 'from', 'content', 'value', 'text', 'message', 'reasoning_content', 'reasoning', 'thinking'] as const),
  ...(['tool_calls', 'function_call', 'tool_call_id', 'name', 'weight'] as const),
];
/** Members of a message that have a canonical place of their own. */
const PLACED: ReadonlySet<number> = new Set(PLACED_NAMES.map((name) => K[name]));

/**
 * Writes drafts as canonical JSONL. Everything it writes is a copy of source bytes or a fixed literal: texts keep their
 * spelling, numbers their digits.
 */
export class Writer {
  private readonly record: RecordContext;
  private isFirst = true;

  constructor(record: RecordContext) {
    this.record = record;
  }

  /** Appends the record and a line feed to the workspace's output. */
  write(draft: Draft): void {
    const { workspace, tape, root } = this.record;
    if (draft.asIs) this.compact(tape.start(root), tape.end(root));
    else if (draft.keepsPlace) this.rewrite(draft);
    else this.convert(draft);
    workspace.literal(LITERALS.newline);
  }

  /** A source range without insignificant white space, raw line separators escaped. */
  private compact(start: number, end: number): void {
    const { workspace, tape } = this.record;
    const { edits, editLength } = tape;
    let from = start;
    for (let i = firstEdit(edits, editLength, start); i < editLength; i += 3) {
      const at = edits[i] as number;
      if (at >= end) break;
      workspace.copy(from, at);
      from = edits[i + 1] as number;
      const replacement = edits[i + 2] as number;
      if (replacement === EDIT.lineSeparator) workspace.literal(LITERALS.lineSeparator);
      else if (replacement === EDIT.paragraphSeparator) workspace.literal(LITERALS.paragraphSeparator);
    }
    workspace.copy(from, end);
  }

  /** The record's members in their order, the changed ones replaced, new ones at the end. */
  private rewrite(draft: Draft): void {
    const { tape, root, workspace } = this.record;
    this.openObject();
    const limit = tape.limit(root);
    for (let key = root + NODE; key < limit; key = tape.after(key + NODE)) {
      const id = tape.keyId(key);
      const side = id === 0 ? undefined : sideAt(draft, id);
      const value = id === 0 ? undefined : draft.values.find((candidate) => candidate.anchor === id);
      if (side !== undefined) this.side(draft, side);
      else if (value !== undefined) this.value(value);
      else if (id === 0 || !this.record.isClaimed(id)) this.member(key);
    }
    for (const value of draft.values) if (!this.record.has(value.anchor)) this.value(value);
    workspace.literal(LITERALS.closeObject);
  }

  private convert(draft: Draft): void {
    const { record } = this;
    this.openObject();
    for (let i = 0; i < draft.sideCount; i++) this.side(draft, draft.side(i));
    for (const value of draft.values) this.value(value);
    for (const key of CARRIED) {
      if (!record.isGiven(K[key]) || record.isClaimed(K[key])) continue;
      this.value({ key, node: record.claim(K[key]), anchor: 0 });
    }
    this.leftovers(draft);
    record.workspace.literal(LITERALS.closeObject);
  }

  /** What has no canonical place, in one metadata object, together with what the source's own metadata held. */
  private leftovers(draft: Draft): void {
    const { tape, root, workspace } = this.record;
    const isObject = tape.type(root) === TYPE.object;
    const own = isObject ? this.spreadableMetadata(draft) : -1;
    const limit = isObject ? tape.limit(root) : root;
    const isOpen = own >= 0 && tape.first(own) < tape.limit(own);
    let started = isOpen || draft.originals.length > 0;
    if (started) this.openMetadata();
    if (isOpen) this.members(own);
    for (const { name, keys } of draft.originals) this.original(name, keys);
    for (let key = root + NODE; key < limit; key = tape.after(key + NODE)) {
      if (this.record.isClaimed(tape.keyId(key)) || key + NODE === own) continue;
      if (!started) this.openMetadata();
      started = true;
      this.member(key);
    }
    if (started) workspace.literal(LITERALS.closeObject);
    this.isFirst = false;
  }

  private openMetadata(): void {
    this.key('metadata');
    this.openObject();
  }

  /** The source's metadata when its members can stand beside the leftovers: an object without a name in common. */
  private spreadableMetadata(draft: Draft): number {
    const { record } = this;
    const { tape, root } = record;
    const own = record.isClaimed(K.metadata) ? -1 : record.field(K.metadata);
    if (own < 0 || tape.type(own) !== TYPE.object) return -1;
    const names = new Set<string>(draft.originals.map(({ name }) => name));
    for (let key = root + NODE; key < tape.limit(root); key = tape.after(key + NODE)) {
      if (!record.isClaimed(tape.keyId(key)) && key + NODE !== own) names.add(record.text(key));
    }
    for (let key = own + NODE; key < tape.limit(own); key = tape.after(key + NODE)) {
      if (names.has(record.text(key))) return -1;
    }
    return own;
  }

  private original(name: KeyName, keys: readonly number[]): void {
    this.key(name);
    this.openObject();
    for (const id of keys) {
      const node = this.record.field(id);
      if (node >= 0) this.value({ key: name, node, anchor: 0 }, id);
    }
    this.record.workspace.literal(LITERALS.closeObject);
    this.isFirst = false;
  }

  private members(object: number): void {
    const { tape } = this.record;
    for (let key = object + NODE; key < tape.limit(object); key = tape.after(key + NODE)) this.member(key);
  }

  /** A member as the source has it. */
  private member(key: number): void {
    const { tape, workspace } = this.record;
    this.separate();
    workspace.copy(tape.tokenStart(key), tape.tokenEnd(key));
    workspace.literal(LITERALS.colon);
    this.node(key + NODE);
  }

  private value(value: DraftValue, keyId: number = K[value.key]): void {
    this.separate();
    this.record.workspace.literal(KEY_LITERALS[keyId] as Literal);
    this.node(value.node);
  }

  private node(node: number): void {
    const { tape } = this.record;
    this.compact(tape.tokenStart(node), tape.tokenEnd(node));
  }

  private openObject(): void {
    this.record.workspace.literal(LITERALS.openObject);
    this.isFirst = true;
  }

  private separate(): void {
    if (!this.isFirst) this.record.workspace.literal(LITERALS.comma);
    this.isFirst = false;
  }

  private key(name: KeyName): void {
    this.separate();
    this.record.workspace.literal(KEY_LITERALS[K[name]] as Literal);
  }

  private side(draft: Draft, side: DraftSide): void {
    const { workspace } = this.record;
    this.key(side.key);
    if (side.isText) {
      this.text(draft, side.from, side.to);
      return;
    }
    workspace.literal(LITERALS.openArray);
    for (let i = side.from; i < side.to; i++) {
      if (i > side.from) workspace.literal(LITERALS.comma);
      this.message(draft, draft.message(i));
    }
    workspace.literal(LITERALS.closeArray);
  }

  private message(draft: Draft, message: DraftMessage): void {
    const { workspace } = this.record;
    workspace.literal(ROLE_LITERALS[message.role] as Literal);
    if (message.content === CONTENT.text) this.text(draft, message.textFrom, message.textTo);
    else if (message.content === CONTENT.parts) this.node(message.contentNode);
    else workspace.literal(LITERALS.null);
    this.optional(LITERALS.reasoning, message.reasoning);
    if (message.callTo > message.callFrom) this.calls(draft, message);
    if (message.answersCall >= 0) {
      workspace.literal(LITERALS.toolCallId);
      this.callId(draft.call(message.answersCall));
    } else {
      this.optional(LITERALS.toolCallId, message.answers);
    }
    this.optional(LITERALS.name, message.name);
    if (message.weight >= 0) {
      workspace.literal(LITERALS.weight);
      workspace.literal(message.weight === 1 ? LITERALS.one : LITERALS.zero);
    }
    if (message.hasExtras) this.extras(message);
    workspace.literal(LITERALS.closeObject);
  }

  private optional(literal: Literal, node: number): void {
    if (node < 0) return;
    this.record.workspace.literal(literal);
    this.node(node);
  }

  private extras(message: DraftMessage): void {
    const { tape } = this.record;
    this.isFirst = false;
    const limit = tape.limit(message.node);
    for (let key = message.node + NODE; key < limit; key = tape.after(key + NODE)) {
      const id = tape.keyId(key);
      if (PLACED.has(id) || (message.mapsLoss && LOSS_KEYS.has(id))) continue;
      this.member(key);
    }
  }

  private calls(draft: Draft, message: DraftMessage): void {
    const { workspace } = this.record;
    workspace.literal(LITERALS.toolCalls);
    for (let i = message.callFrom; i < message.callTo; i++) {
      const call = draft.call(i);
      if (i > message.callFrom) workspace.literal(LITERALS.comma);
      workspace.literal(LITERALS.callId);
      this.callId(call);
      workspace.literal(LITERALS.callFunction);
      this.node(call.name);
      workspace.literal(LITERALS.callArguments);
      if (this.record.tape.isString(call.args)) this.node(call.args);
      else this.serialised(call.args);
      workspace.literal(LITERALS.closeCall);
    }
    workspace.literal(LITERALS.closeArray);
  }

  private callId(call: DraftCall): void {
    const { workspace, number } = this.record;
    if (call.id >= 0) {
      this.node(call.id);
      return;
    }
    workspace.byte(QUOTE);
    workspace.ascii(`call_${number}_${call.number}`);
    workspace.byte(QUOTE);
  }

  /** A value as JSON inside a JSON string. */
  private serialised(node: number): void {
    const { workspace, tape } = this.record;
    const { edits, editLength } = tape;
    const end = tape.tokenEnd(node);
    let from = tape.tokenStart(node);
    workspace.byte(QUOTE);
    for (let i = firstEdit(edits, editLength, from); i < editLength && (edits[i] as number) < end; i += 3) {
      this.escaped(from, edits[i] as number);
      from = edits[i + 1] as number;
      const replacement = edits[i + 2] as number;
      if (replacement === EDIT.lineSeparator) workspace.literal(LITERALS.lineSeparator);
      else if (replacement === EDIT.paragraphSeparator) workspace.literal(LITERALS.paragraphSeparator);
    }
    this.escaped(from, end);
    workspace.byte(QUOTE);
  }

  private escaped(start: number, end: number): void {
    const { workspace } = this.record;
    for (let p = start; p < end; p++) {
      const c = workspace.view.getUint8(p);
      if (c === QUOTE || c === BACKSLASH) workspace.byte(BACKSLASH);
      workspace.byte(c);
    }
  }

  private text(draft: Draft, from: number, to: number): void {
    const { workspace, tape } = this.record;
    workspace.byte(QUOTE);
    for (let i = from; i < to; i += 3) {
      const start = draft.pieces[i] as number;
      const end = draft.pieces[i + 1] as number;
      const node = draft.pieces[i + 2] as number;
      if (node >= 0 && !tape.has(node, FLAG.lineSeparator)) workspace.copy(start, end);
      else this.compact(start, end);
    }
    workspace.byte(QUOTE);
  }
}

function sideAt(draft: Draft, keyId: number): DraftSide | undefined {
  for (let i = 0; i < draft.sideCount; i++) if (draft.side(i).anchor === keyId) return draft.side(i);
  return undefined;
}

/** Place of the first edit that begins at or after `start`. */
function firstEdit(edits: Int32Array, length: number, start: number): number {
  let low = 0;
  let high = length / 3;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((edits[middle * 3] as number) < start) low = middle + 1;
    else high = middle;
  }
  return low * 3;
}
