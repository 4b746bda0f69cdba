import {
  CONTENT,
  type Draft,
  type DraftCall,
  type DraftMessage,
  type DraftPart,
  type DraftTool,
  PART,
} from './draft.ts';
import type { JsonOutput } from './json-output.ts';
import { K } from './keys.ts';
import { KEY_LITERALS, LITERALS, type Literal } from './literals.ts';
import type { RecordContext } from './record.ts';
import { NODE } from './tape.ts';
import { schemaOf } from './tools.ts';

const ROLE_LITERALS: readonly Literal[] = [
  LITERALS.none,
  LITERALS.roleSystem,
  LITERALS.roleDeveloper,
  LITERALS.roleUser,
  LITERALS.roleAssistant,
  LITERALS.roleTool,
];
const SCHEMA_KEYS: ReadonlySet<number> = new Set([K.parameters, K.input_schema, K.inputSchema]);

/** Writes messages and tools in their canonical shape. */
export class MessageWriter {
  private readonly record: RecordContext;
  private readonly out: JsonOutput;

  constructor(record: RecordContext, out: JsonOutput) {
    this.record = record;
    this.out = out;
  }

  list(draft: Draft, from: number, to: number): void {
    this.out.literal(LITERALS.openArray);
    for (let i = from; i < to; i++) {
      if (i > from) this.out.literal(LITERALS.comma);
      this.message(draft, draft.message(i));
    }
    this.out.literal(LITERALS.closeArray);
  }

  private message(draft: Draft, message: DraftMessage): void {
    const { out } = this;
    out.literal(ROLE_LITERALS[message.role] as Literal);
    this.content(draft, message);
    if (message.reasoningTo > message.reasoningFrom) {
      out.literal(LITERALS.reasoning);
      out.text(draft, message.reasoningFrom, message.reasoningTo);
    }
    if (message.callTo > message.callFrom) this.calls(draft, message);
    this.answers(draft, message);
    this.optional(LITERALS.name, message.name);
    if (message.weight >= 0) {
      out.literal(LITERALS.weight);
      out.literal(message.weight === 1 ? LITERALS.one : LITERALS.zero);
    }
    if (message.hasExtras) this.extras(message);
    out.literal(LITERALS.closeObject);
  }

  private content(draft: Draft, message: DraftMessage): void {
    if (message.content === CONTENT.text) this.out.text(draft, message.textFrom, message.textTo);
    else if (message.content === CONTENT.parts) this.out.node(message.contentNode);
    else if (message.content === CONTENT.built) this.parts(draft, message);
    else this.out.literal(LITERALS.null);
  }

  private answers(draft: Draft, message: DraftMessage): void {
    if (message.answersCall < 0) {
      this.optional(LITERALS.toolCallId, message.answers);
      return;
    }
    this.out.literal(LITERALS.toolCallId);
    this.callId(draft.call(message.answersCall));
  }

  private optional(literal: Literal, node: number): void {
    if (node < 0) return;
    this.out.literal(literal);
    this.out.node(node);
  }

  /** Members of the source message that have no canonical place go along as they are. */
  private extras(message: DraftMessage): void {
    const { tape, conversations } = this.record;
    this.out.resume();
    const limit = tape.limit(message.node);
    for (let key = message.node + NODE; key < limit; key = tape.after(key + NODE)) {
      const bit = conversations.bit(tape.keyId(key));
      if (bit === 0 || (message.consumed & bit) === 0) this.out.member(key);
    }
  }

  private calls(draft: Draft, message: DraftMessage): void {
    this.out.literal(LITERALS.toolCalls);
    for (let i = message.callFrom; i < message.callTo; i++) {
      if (i > message.callFrom) this.out.literal(LITERALS.comma);
      this.call(draft.call(i));
    }
    this.out.literal(LITERALS.closeArray);
  }

  private call(call: DraftCall): void {
    const { out } = this;
    out.literal(LITERALS.callId);
    this.callId(call);
    out.literal(LITERALS.callFunction);
    out.node(call.name);
    out.literal(LITERALS.callArguments);
    if (call.args >= 0 && this.record.tape.isString(call.args)) {
      out.node(call.args);
    } else {
      out.literal(LITERALS.quote);
      if (call.args >= 0) out.serialised(call.args);
      else out.literal(LITERALS.emptyObject);
      out.literal(LITERALS.quote);
    }
    out.literal(LITERALS.closeCall);
  }

  private callId(call: DraftCall): void {
    if (call.id >= 0) this.out.node(call.id);
    else this.out.quoted(`call_${this.record.number}_${call.number}`);
  }

  private parts(draft: Draft, message: DraftMessage): void {
    this.out.literal(LITERALS.openArray);
    for (let i = message.partFrom; i < message.partTo; i++) {
      if (i > message.partFrom) this.out.literal(LITERALS.comma);
      this.part(draft.part(i));
    }
    this.out.literal(LITERALS.closeArray);
  }

  private part(part: DraftPart): void {
    const { out } = this;
    if (part.form === PART.copy) {
      out.node(part.node);
    } else if (part.form === PART.text) {
      out.literal(LITERALS.textPart);
      out.node(part.node);
      out.literal(LITERALS.closeObject);
    } else {
      out.literal(LITERALS.imagePart);
      if (part.form === PART.url) out.node(part.node);
      else this.dataUrl(part);
      out.literal(LITERALS.closeCall);
    }
  }

  private dataUrl(part: DraftPart): void {
    const { tape } = this.record;
    this.out.literal(LITERALS.dataUrl);
    this.out.range(tape.start(part.mediaType), tape.end(part.mediaType));
    this.out.literal(LITERALS.base64);
    this.out.range(tape.start(part.node), tape.end(part.node));
    this.out.literal(LITERALS.quote);
  }

  /** The tools as one array, each as {type, function}. */
  tools(draft: Draft): void {
    const { out } = this;
    if (draft.toolsAsIs) {
      out.node(draft.toolsNode);
      return;
    }
    out.literal(LITERALS.openArray);
    for (let i = 0; i < draft.toolCount; i++) {
      if (i > 0) out.literal(LITERALS.comma);
      this.tool(draft.tool(i));
    }
    out.literal(LITERALS.closeArray);
  }

  private tool(tool: DraftTool): void {
    const { out } = this;
    if (tool.asIs) {
      out.node(tool.node);
      return;
    }
    const { tape } = this.record;
    out.literal(LITERALS.functionTool);
    out.openObject();
    for (let key = tool.body + NODE; key < tape.limit(tool.body); key = tape.after(key + NODE)) {
      const id = tape.keyId(key);
      if (id === K.type && tool.body === tool.node) continue;
      if (SCHEMA_KEYS.has(id)) this.schema(tool.body);
      else out.member(key);
    }
    out.closeObject();
    out.literal(LITERALS.closeObject);
  }

  private schema(body: number): void {
    this.out.separate();
    this.out.literal(KEY_LITERALS[K.parameters] as Literal);
    this.out.node(schemaOf(this.record, body));
  }
}
