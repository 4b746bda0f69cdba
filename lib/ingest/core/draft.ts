import type { Kind } from '@/lib/ingest/types.ts';
import type { Key } from './keys.ts';
import { LITERALS } from './literals.ts';
import type { Tape } from './tape.ts';

/** Canonical roles. */
export const ROLE = { none: 0, system: 1, developer: 2, user: 3, assistant: 4, tool: 5 } as const;
export const ROLE_NAMES = ['', 'system', 'developer', 'user', 'assistant', 'tool'] as const;

/** How a message's content is written. */
export const CONTENT = { null: 0, text: 1, parts: 2, built: 3 } as const;

/** One message of the canonical record, as references into the source. Node numbers are -1 where there is nothing. */
export class DraftMessage {
  /** Where findings about the message point. */
  node = -1;
  role: number = ROLE.none;
  content: number = CONTENT.null;
  /** The source value of the content, for paths and for parts that are copied. */
  contentNode = -1;
  textFrom = 0;
  textTo = 0;
  reasoningFrom = 0;
  reasoningTo = 0;
  partFrom = 0;
  partTo = 0;
  callFrom = 0;
  callTo = 0;
  /** String node of tool_call_id, or -1. */
  answers = -1;
  /** Call that this result answers by position, when it has no id of its own; -1 otherwise. */
  answersCall = -1;
  name = -1;
  /** 0, 1, or -1 when unset. */
  weight = -1;
  /** Images among its parts. */
  images = 0;
  /** Members of the source object that have been read, as a mask of their places; the others go along unchanged. */
  consumed = 0;
  hasExtras = false;

  begin(node: number, role: number, pieces: number, calls: number, parts: number): void {
    this.node = node;
    this.role = role;
    this.content = CONTENT.null;
    this.contentNode = -1;
    this.textFrom = pieces;
    this.textTo = pieces;
    this.reasoningFrom = pieces;
    this.reasoningTo = pieces;
    this.partFrom = parts;
    this.partTo = parts;
    this.callFrom = calls;
    this.callTo = calls;
    this.answers = -1;
    this.answersCall = -1;
    this.name = -1;
    this.weight = -1;
    this.images = 0;
    this.consumed = 0;
    this.hasExtras = false;
  }
}

export class DraftCall {
  node = -1;
  /** String node of the id, or -1: then `number` makes one. */
  id = -1;
  number = 0;
  name = -1;
  /** A string node that is copied, another value that is serialised into a string, or -1 for no arguments. */
  args = -1;
}

/** How a content part is written. */
export const PART = { copy: 0, text: 1, url: 2, data: 3 } as const;

export class DraftPart {
  form: number = PART.copy;
  /** The part itself, its text, its URL, or its base64 data. */
  node = -1;
  /** String node of the media type of `data`, or -1. */
  mediaType = -1;
}

/** One tool definition: the object that holds name and parameters, and whether it must be wrapped. */
export class DraftTool {
  node = -1;
  /** The function object inside `node`. */
  body = -1;
  /** `node` is canonical and is copied. */
  asIs = true;
}

/** Stands for a node in a piece that is the literal blank line between joined texts. */
export const JOINT = -2;
/** A piece with this or a lower number is the value `SERIALISED - number`, written as JSON inside the string. */
export const SERIALISED = -16;

/** One field of the canonical record that holds a text or messages. */
export class DraftSide {
  key: Key = 0;
  isText = false;
  /** Range of pieces when it is a text, of messages otherwise. */
  from = 0;
  to = 0;
  /** Known key of the source field that it stands for, or 0: where an in-place rewrite puts it. */
  anchor = 0;
}

/** A canonical field that is one source value. */
export interface DraftValue {
  key: Key;
  node: number;
  /** Known key of the source field, or 0. */
  anchor: number;
  /** A single value that stands for a list of one. */
  isWrapped?: boolean;
}

/** Source values that were joined or split: kept under `metadata.<name>` so that nothing is lost. */
export class DraftOriginals {
  name: Key = 0;
  count = 0;
  readonly keys: Int32Array = new Int32Array(4);
  readonly nodes: Int32Array = new Int32Array(4);

  /** At most four members. */
  add(key: Key, node: number): this {
    this.keys[this.count] = key;
    this.nodes[this.count] = node;
    this.count++;
    return this;
  }
}

/**
 * What a record becomes, before it is written: sides (texts or conversations) and values, all as references into the
 * workspace. Readers fill it, the checks and the statistics look at it, the writer writes it. Reused for every record.
 */
export class Draft {
  kind: Kind = 'messages';
  /** The source record is canonical already: its bytes are the output. */
  asIs = true;
  /** Unknown fields stay where they are, because the source has its kind's shape; otherwise they go under metadata. */
  keepsPlace = true;
  messageCount = 0;
  callCount = 0;
  sideCount = 0;
  readonly values: DraftValue[] = [];
  originalCount = 0;
  /** The array of tools, or -1; `toolsAnchor` is the known key of the field that it stands in, or 0. */
  toolsNode = -1;
  toolsAnchor = 0;
  /** False when tools are written one by one. */
  toolsAsIs = true;
  toolCount = 0;
  partCount = 0;
  /** Pieces of texts: [start, end, and the node of a whole string, -1 for a part of one, or JOINT]. */
  pieces: Int32Array = new Int32Array(96);
  pieceLength = 0;
  private readonly messages: DraftMessage[] = [];
  private readonly calls: DraftCall[] = [];
  private readonly parts: DraftPart[] = [];
  private readonly tools: DraftTool[] = [];
  private readonly originals: DraftOriginals[] = [];
  private readonly sides: DraftSide[] = [];

  clear(): void {
    this.asIs = true;
    this.keepsPlace = true;
    this.messageCount = 0;
    this.callCount = 0;
    this.sideCount = 0;
    if (this.values.length > 0) this.values.length = 0;
    this.originalCount = 0;
    this.toolsNode = -1;
    this.toolsAnchor = 0;
    this.toolsAsIs = true;
    this.toolCount = 0;
    this.partCount = 0;
    this.pieceLength = 0;
  }

  message(index: number): DraftMessage {
    return this.messages[index] as DraftMessage;
  }

  call(index: number): DraftCall {
    return this.calls[index] as DraftCall;
  }

  side(index: number): DraftSide {
    return this.sides[index] as DraftSide;
  }

  part(index: number): DraftPart {
    return this.parts[index] as DraftPart;
  }

  tool(index: number): DraftTool {
    return this.tools[index] as DraftTool;
  }

  addMessage(node: number, role: number): DraftMessage {
    const message = take(this.messages, this.messageCount++, DraftMessage);
    message.begin(node, role, this.pieceLength, this.callCount, this.partCount);
    return message;
  }

  addCall(node: number): DraftCall {
    const call = take(this.calls, this.callCount++, DraftCall);
    call.node = node;
    call.id = -1;
    call.number = this.callCount;
    call.name = -1;
    call.args = -1;
    return call;
  }

  addPart(form: number, node: number, mediaType = -1): void {
    const part = take(this.parts, this.partCount++, DraftPart);
    part.form = form;
    part.node = node;
    part.mediaType = mediaType;
  }

  original(index: number): DraftOriginals {
    return this.originals[index] as DraftOriginals;
  }

  /** Begins a group of originals, whose members are then added. */
  addOriginals(name: Key): DraftOriginals {
    const group = take(this.originals, this.originalCount++, DraftOriginals);
    group.name = name;
    group.count = 0;
    return group;
  }

  addTool(node: number, body: number, asIs: boolean): void {
    const tool = take(this.tools, this.toolCount++, DraftTool);
    tool.node = node;
    tool.body = body;
    tool.asIs = asIs;
  }

  addSide(key: Key, anchor: number, isText: boolean, from: number, to: number): DraftSide {
    const side = take(this.sides, this.sideCount++, DraftSide);
    side.key = key;
    side.anchor = anchor;
    side.isText = isText;
    side.from = from;
    side.to = to;
    return side;
  }

  /** Adds a side that is written before those that are there. */
  addFirstSide(key: Key, anchor: number, isText: boolean, from: number, to: number): DraftSide {
    const side = this.addSide(key, anchor, isText, from, to);
    this.sides.splice(this.sideCount - 1, 1);
    this.sides.unshift(side);
    return side;
  }

  /** Adds the text of a whole string node. */
  addText(tape: Tape, node: number): void {
    this.addPiece(tape.start(node), tape.end(node), node);
  }

  /** Adds the blank line between two joined texts. */
  addJoint(): void {
    this.addPiece(LITERALS.blankLine.start, LITERALS.blankLine.end, JOINT);
  }

  /** Adds a value that becomes JSON text. */
  addSerialised(node: number): void {
    this.addPiece(0, 0, SERIALISED - node);
  }

  addPiece(start: number, end: number, node: number): void {
    if (this.pieceLength + 3 > this.pieces.length) {
      const larger = new Int32Array(this.pieces.length * 2);
      larger.set(this.pieces);
      this.pieces = larger;
    }
    this.pieces[this.pieceLength] = start;
    this.pieces[this.pieceLength + 1] = end;
    this.pieces[this.pieceLength + 2] = node;
    this.pieceLength += 3;
  }
}

/** The pooled object at `index`, made when the pool is too small. */
function take<T>(pool: T[], index: number, Type: new () => T): T {
  let item = pool[index];
  if (item === undefined) {
    item = new Type();
    pool.push(item);
  }
  return item;
}
