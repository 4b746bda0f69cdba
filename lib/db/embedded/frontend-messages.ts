/**
 * Splits what a PostgreSQL client sends into the pieces that the engine runs as a whole.
 * Source of the framing: PostgreSQL manual, "Frontend/Backend Protocol", version 3.0.
 */

export type FrontendEvent =
  /** The client asks for TLS or GSS encryption and waits for one byte. */
  | { type: 'encryption_request' }
  | { type: 'startup' }
  | { type: 'cancel_request' }
  /** Whole messages up to and including one that makes the server answer (Query, Sync, Flush, FunctionCall). */
  | { type: 'batch'; bytes: Buffer }
  | { type: 'terminate' };

const SSL_REQUEST = 80_877_103;
const GSS_REQUEST = 80_877_104;
const CANCEL_REQUEST = 80_877_102;

const TERMINATE = 0x58;
/** Q, S, H, F */
const ANSWERED = new Set([0x51, 0x53, 0x48, 0x46]);

/** Larger messages are taken for garbage: nothing of ours comes near. */
const MAX_MESSAGE_BYTES = 256 * 1024 * 1024;

/** Stateful: one instance a connection, fed with the bytes in the order of arrival. */
export class FrontendMessages {
  #pending: Buffer = Buffer.alloc(0);
  #started = false;
  /** Bytes of #pending that are whole messages of a batch that is not complete yet. */
  #batchBytes = 0;

  /** Throws RangeError when the bytes cannot be the protocol. */
  push(chunk: Buffer): FrontendEvent[] {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const events: FrontendEvent[] = [];
    for (let event = this.#next(); event !== undefined; event = this.#next()) events.push(event);
    return events;
  }

  #next(): FrontendEvent | undefined {
    return this.#started ? this.#nextBatch() : this.#nextStartup();
  }

  #nextStartup(): FrontendEvent | undefined {
    if (this.#pending.length < 8) return undefined;
    const length = checkedLength(this.#pending.readUInt32BE(0), 8);
    if (this.#pending.length < length) return undefined;
    const code = this.#pending.readUInt32BE(4);
    this.#pending = this.#pending.subarray(length);
    if (code === SSL_REQUEST || code === GSS_REQUEST) return { type: 'encryption_request' };
    if (code === CANCEL_REQUEST) return { type: 'cancel_request' };
    if (code >>> 16 !== 3) throw new RangeError(`protocol version ${code >>> 16} is not spoken here`);
    this.#started = true;
    return { type: 'startup' };
  }

  #nextBatch(): FrontendEvent | undefined {
    while (this.#pending.length >= this.#batchBytes + 5) {
      const type = this.#pending.readUInt8(this.#batchBytes);
      const end = this.#batchBytes + 1 + checkedLength(this.#pending.readUInt32BE(this.#batchBytes + 1), 4);
      if (this.#pending.length < end) return undefined;
      this.#batchBytes = end;
      if (type === TERMINATE) return { type: 'terminate' };
      if (ANSWERED.has(type)) return { type: 'batch', bytes: this.#takeBatch() };
    }
    return undefined;
  }

  #takeBatch(): Buffer {
    const bytes = this.#pending.subarray(0, this.#batchBytes);
    this.#pending = this.#pending.subarray(this.#batchBytes);
    this.#batchBytes = 0;
    return bytes;
  }
}

function checkedLength(length: number, atLeast: number): number {
  if (length >= atLeast && length <= MAX_MESSAGE_BYTES) return length;
  throw new RangeError(`a message of ${length} bytes is not the PostgreSQL protocol`);
}
