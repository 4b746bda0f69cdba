const NOTHING = new Uint8Array(0);

/**
 * A byte stream that is pulled chunk by chunk and takes back what was read too far: container formats are recognised by
 * looking ahead, and their members end in the middle of a chunk.
 */
export class ByteSource {
  readonly #iterator: AsyncIterator<Uint8Array>;
  readonly #returned: Uint8Array[] = [];
  #ended = false;

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.#iterator = stream[Symbol.asyncIterator]();
  }

  /** The next chunk, never empty; undefined at the end, and again after it. Rejects with the stream's own error. */
  async next(): Promise<Uint8Array | undefined> {
    const returned = this.#returned.pop();
    if (returned !== undefined) return returned;
    while (!this.#ended) {
      const step = await this.#iterator.next();
      if (step.done === true) this.#ended = true;
      else if (step.value.byteLength > 0) return step.value;
    }
    return undefined;
  }

  /** Gives bytes back: they are read again before anything else. */
  unread(chunk: Uint8Array): void {
    if (chunk.byteLength > 0) this.#returned.push(chunk);
  }

  /** The first bytes without consuming them: at least `sizeBytes`, fewer only where the stream is shorter. */
  async peek(sizeBytes: number): Promise<Uint8Array> {
    let head: Uint8Array = (await this.next()) ?? NOTHING;
    if (head.byteLength > 0 && head.byteLength < sizeBytes) head = await this.#readOn(head, sizeBytes);
    this.unread(head);
    return head;
  }

  /** Copied as it comes: to keep the chunks would cost many times their size where they are of a few bytes. */
  async #readOn(first: Uint8Array, sizeBytes: number): Promise<Uint8Array> {
    let head = new Uint8Array(first.byteLength * 2);
    head.set(first);
    let length = first.byteLength;
    while (length < sizeBytes) {
      const chunk = await this.next();
      if (chunk === undefined) break;
      const needed = length + chunk.byteLength;
      if (needed > head.byteLength) head = grown(head.subarray(0, length), Math.max(needed, head.byteLength * 2));
      head.set(chunk, length);
      length = needed;
    }
    return head.subarray(0, length);
  }

  /** Exactly `sizeBytes`, consumed; undefined where the stream ends before. */
  async take(sizeBytes: number): Promise<Uint8Array | undefined> {
    const head = await this.peek(sizeBytes);
    if (head.byteLength < sizeBytes) return undefined;
    this.#returned.pop();
    this.unread(head.subarray(sizeBytes));
    return head.subarray(0, sizeBytes);
  }

  /** Tells the producer that nobody reads on. Safe to call at any time, also twice. */
  async close(): Promise<void> {
    this.#ended = true;
    this.#returned.length = 0;
    await this.#iterator.return?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (let chunk = await this.next(); chunk !== undefined; chunk = await this.next()) yield chunk;
  }
}

function grown(bytes: Uint8Array, sizeBytes: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(sizeBytes);
  larger.set(bytes);
  return larger;
}
