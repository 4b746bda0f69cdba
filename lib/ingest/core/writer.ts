import type { Draft, DraftOriginals, DraftSide, DraftValue } from './draft.ts';
import { JsonOutput } from './json-output.ts';
import { K, type Key, keyName } from './keys.ts';
import { KEY_LITERALS, LITERALS, type Literal } from './literals.ts';
import { MessageWriter } from './message-writer.ts';
import type { RecordContext } from './record.ts';
import { NODE, TYPE } from './tape.ts';

/** Fields of converted records that keep their name, in this order. */
const CARRIED: readonly Key[] = [K.parallel_tool_calls, K.images, K.videos, K.audios, K.chat_template_kwargs];

/**
 * Writes drafts as canonical JSONL. Everything it writes is a copy of source bytes or a fixed literal: texts keep their
 * spelling, numbers their digits.
 */
export class Writer {
  private readonly record: RecordContext;
  private readonly out: JsonOutput;
  private readonly messages: MessageWriter;

  constructor(record: RecordContext) {
    this.record = record;
    this.out = new JsonOutput(record);
    this.messages = new MessageWriter(record, this.out);
  }

  /** Appends the record and a line feed to the workspace's output. */
  write(draft: Draft): void {
    const { tape, root } = this.record;
    if (draft.asIs) this.out.range(tape.start(root), tape.end(root));
    else if (draft.keepsPlace) this.rewrite(draft);
    else this.convert(draft);
    this.out.literal(LITERALS.newline);
  }

  /** The record's members in their order, the changed ones replaced, new ones at the end. */
  private rewrite(draft: Draft): void {
    const { tape, root } = this.record;
    this.out.openObject();
    const limit = tape.limit(root);
    for (let key = root + NODE; key < limit; key = tape.after(key + NODE)) this.rewriteMember(draft, key);
    for (const value of draft.values) if (!this.record.has(value.anchor)) this.value(value);
    if (draft.toolsNode >= 0 && !this.record.has(draft.toolsAnchor)) this.tools(draft);
    this.out.closeObject();
  }

  private rewriteMember(draft: Draft, key: number): void {
    const id = this.record.tape.keyId(key);
    const side = id === 0 ? undefined : sideAt(draft, id);
    const value = id === 0 ? undefined : draft.values.find((candidate) => candidate.anchor === id);
    if (side !== undefined) this.side(draft, side);
    else if (value !== undefined) this.value(value);
    else if (id !== 0 && id === draft.toolsAnchor) this.tools(draft);
    else if (id === 0 || !this.record.isClaimed(id)) this.out.member(key);
  }

  private convert(draft: Draft): void {
    const { record, out } = this;
    out.openObject();
    for (let i = 0; i < draft.sideCount; i++) this.side(draft, draft.side(i));
    for (const value of draft.values) this.value(value);
    if (draft.toolsNode >= 0) this.tools(draft);
    for (const key of CARRIED) {
      if (record.isGiven(key) && !record.isClaimed(key)) this.value({ key, node: record.claim(key), anchor: 0 });
    }
    this.leftovers(draft);
    out.closeObject();
  }

  /** What has no canonical place, in one metadata object, together with what the source's own metadata held. */
  private leftovers(draft: Draft): void {
    const { record, out } = this;
    const { tape, root } = record;
    const isObject = tape.type(root) === TYPE.object;
    const own = isObject ? this.spreadableMetadata(draft) : -1;
    const limit = isObject ? tape.limit(root) : root;
    let isOpen = false;
    const open = () => {
      if (!isOpen) this.openMetadata();
      isOpen = true;
    };
    if (own >= 0) this.members(own, open);
    for (let i = 0; i < draft.originalCount; i++) {
      open();
      this.originals(draft.original(i));
    }
    for (let key = root + NODE; key < limit; key = tape.after(key + NODE)) {
      if (record.isClaimed(tape.keyId(key)) || key + NODE === own) continue;
      open();
      out.member(key);
    }
    if (isOpen) out.closeObject();
  }

  private openMetadata(): void {
    this.key(K.metadata);
    this.out.openObject();
  }

  /** The source's metadata when its members can stand beside the leftovers: an object without a name in common. */
  private spreadableMetadata(draft: Draft): number {
    const { record } = this;
    const { tape, root } = record;
    const own = record.isClaimed(K.metadata) ? -1 : record.field(K.metadata);
    if (own < 0 || tape.type(own) !== TYPE.object) return -1;
    const names = new Set<string>();
    for (let i = 0; i < draft.originalCount; i++) names.add(keyName(draft.original(i).name));
    for (let key = root + NODE; key < tape.limit(root); key = tape.after(key + NODE)) {
      if (!record.isClaimed(tape.keyId(key)) && key + NODE !== own) names.add(record.text(key));
    }
    for (let key = own + NODE; key < tape.limit(own); key = tape.after(key + NODE)) {
      if (names.has(record.text(key))) return -1;
    }
    return own;
  }

  private members(object: number, open: () => void): void {
    const { tape } = this.record;
    for (let key = object + NODE; key < tape.limit(object); key = tape.after(key + NODE)) {
      open();
      this.out.member(key);
    }
  }

  private originals(group: DraftOriginals): void {
    this.key(group.name);
    this.out.openObject();
    for (let i = 0; i < group.count; i++) {
      this.key(group.keys[i] as number);
      this.out.node(group.nodes[i] as number);
    }
    this.out.closeObject();
  }

  private value(value: DraftValue): void {
    this.key(value.key);
    if (value.isWrapped === true) this.out.literal(LITERALS.openArray);
    this.out.node(value.node);
    if (value.isWrapped === true) this.out.literal(LITERALS.closeArray);
  }

  private tools(draft: Draft): void {
    this.key(K.tools);
    this.messages.tools(draft);
    this.out.resume();
  }

  private key(name: Key): void {
    this.out.separate();
    this.out.literal(KEY_LITERALS[name] as Literal);
  }

  private side(draft: Draft, side: DraftSide): void {
    this.key(side.key);
    if (side.isText) this.out.text(draft, side.from, side.to);
    else this.messages.list(draft, side.from, side.to);
    this.out.resume();
  }
}

function sideAt(draft: Draft, keyId: number): DraftSide | undefined {
  for (let i = 0; i < draft.sideCount; i++) if (draft.side(i).anchor === keyId) return draft.side(i);
  return undefined;
}
