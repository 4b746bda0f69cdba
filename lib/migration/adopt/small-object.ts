import type { BlockIndex } from '@/lib/ingest/types.ts';

/**
 * Content up to here is read as one block: about what a preview reads of any dataset. In larger ones the old application
 * left no place where reading could begin, so they are read from their beginning until they are stored anew.
 */
const MAX_CONTENT_BYTES = 2 << 20;
const HEAD_BYTES = 1 << 16;
const TRAILER_BYTES = 8;
const FLAG = { headerCrc: 2, extra: 4, name: 8, comment: 16 } as const;

/** Watches an object go by, to tell whether it is one small gzip member. */
export class SmallObject {
  readonly #head: Uint8Array[] = [];
  #headBytes = 0;
  #sizeBytes = 0;
  #members = 0;

  add(chunk: Uint8Array): void {
    this.#sizeBytes += chunk.byteLength;
    if (this.#headBytes >= HEAD_BYTES) return;
    // A copy: who gave the chunk may use its memory again.
    this.#head.push(Buffer.from(chunk.subarray(0, HEAD_BYTES - this.#headBytes)));
    this.#headBytes += Math.min(chunk.byteLength, HEAD_BYTES - this.#headBytes);
  }

  member(): void {
    this.#members += 1;
  }

  /** Null where the content is not one block. */
  index(contentBytes: number, records: number): BlockIndex | null {
    const start = headerLength(Buffer.concat(this.#head));
    if (this.#members !== 1 || contentBytes > MAX_CONTENT_BYTES || start === undefined) return null;
    return {
      version: 1,
      objectOffsets: [start, this.#sizeBytes - TRAILER_BYTES],
      contentOffsets: [0, contentBytes],
      firstRecords: [0, records],
    };
  }
}

/** Length of a gzip header that is known to be a right one; undefined where it is longer than what was kept. */
function headerLength(head: Buffer): number | undefined {
  const flags = head[3] ?? 0;
  let at = 10;
  if (flags & FLAG.extra) at += 2 + (head[at] ?? 0) + 256 * (head[at + 1] ?? 0);
  for (const flag of [FLAG.name, FLAG.comment]) {
    if ((flags & flag) === 0) continue;
    const end = head.indexOf(0, at);
    if (end === -1) return undefined;
    at = end + 1;
  }
  if (flags & FLAG.headerCrc) at += 2;
  return at < head.length ? at : undefined;
}
