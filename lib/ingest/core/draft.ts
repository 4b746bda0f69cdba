import type { Kind } from '@/lib/ingest/types.ts';
import type { KeyName } from './keys.ts';
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
  reasoning = -1;
  callFrom = 0;
  callTo = 0;
  /** String node of tool_call_id, or -1. */
  answers = -1;
  /** Call that this result answers by position, when it has no id of its own; -1 otherwise. */
  answersCall = -1;
  name = -1;
  /** 0, 1, or -1 when unset. */
  weight = -1;
  /** The source object has members that go along unchanged. */
  hasExtras = false;
  /** Images among its parts. */
  images = 0;
  /** `loss` and `train` were turned into `weight`. */
  mapsLoss = false;
}

export class DraftCall {
  node = -1;
  /** String node of the id, or -1: then `number` makes one. */
  id = -1;
  number = 0;
  name = -1;
  /** A string node that is copied, or another value that is serialised into a string. */
  args = -1;
}

/** Stands for a node in a piece that is the literal blank line between joined texts. */
export const JOINT = -2;

/** One field of the canonical record that holds a text or messages. */
export class DraftSide {
  key: KeyName = 'messages';
  isText = false;
  /** Range of pieces when it is a text, of messages otherwise. */
  from = 0;
  to = 0;
  /** Known key of the source field that it stands for, or 0: where an in-place rewrite puts it. */
  anchor = 0;
}

/** A canonical field that is one source value. */
export interface DraftValue {
  key: KeyName;
  node: number;
  /** Known key of the source field, or 0. */
  anchor: number;
}

/** Source fields that were joined or split: kept under `metadata.<name>` so that nothing is lost. */
export interface DraftOriginals {
  name: KeyName;
  keys: readonly number[];
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
  readonly originals: DraftOriginals[] = [];
  /** Pieces of texts: [start, end, and the node of a whole string, -1 for a part of one, or JOINT]. */
  pieces: Int32Array = new Int32Array(96);
  pieceLength = 0;
  private readonly messages: DraftMessage[] = [];
  private readonly calls: DraftCall[] = [];
  private readonly sides: DraftSide[] = [];

  clear(): void {
    this.asIs = true;
    this.keepsPlace = true;
    this.messageCount = 0;
    this.callCount = 0;
    this.sideCount = 0;
    this.values.length = 0;
    this.originals.length = 0;
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

  addMessage(node: number, role: number): DraftMessage {
    let message = this.messages[this.messageCount];
    if (message === undefined) {
      message = new DraftMessage();
      this.messages.push(message);
    }
    this.messageCount++;
    message.node = node;
    message.role = role;
    message.content = CONTENT.null;
    message.contentNode = -1;
    message.textFrom = this.pieceLength;
    message.textTo = this.pieceLength;
    message.reasoning = -1;
    message.callFrom = this.callCount;
    message.callTo = this.callCount;
    message.answers = -1;
    message.answersCall = -1;
    message.name = -1;
    message.weight = -1;
    message.hasExtras = false;
    message.mapsLoss = false;
    message.images = 0;
    return message;
  }

  addCall(node: number): DraftCall {
    let call = this.calls[this.callCount];
    if (call === undefined) {
      call = new DraftCall();
      this.calls.push(call);
    }
    this.callCount++;
    call.node = node;
    call.id = -1;
    call.number = this.callCount;
    call.name = -1;
    call.args = -1;
    return call;
  }

  addSide(key: KeyName, anchor: number, isText: boolean, from: number, to: number): DraftSide {
    let side = this.sides[this.sideCount];
    if (side === undefined) {
      side = new DraftSide();
      this.sides.push(side);
    }
    this.sideCount++;
    side.key = key;
    side.anchor = anchor;
    side.isText = isText;
    side.from = from;
    side.to = to;
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
