import { Readable } from 'node:stream';
import type { ByteBudget } from '@/lib/migration/engine/byte-budget.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';
import type { ReplayableBody } from '@/lib/streams/replayable-body.ts';

export interface RangedSource {
  service: StorageService;
  key: string;
  versionId: string | undefined;
  sizeBytes: number;
  sha256: string;
  signal: AbortSignal;
  /** Waits until so many bytes may count as read. */
  onRead(bytes: number): Promise<void>;
}

interface Piece {
  chunks: Buffer[];
  complete: boolean;
  release: () => void;
}

/**
 * An object in another store as a body to upload in pieces. A piece is read from the source once: while it is hashed it is
 * kept, and sent from memory. The pieces in memory stay within the budget, whatever the size of the object.
 */
export class RangedBody {
  readonly body: ReplayableBody;
  readonly #source: RangedSource;
  readonly #budget: ByteBudget;
  readonly #pieces = new Map<string, Piece>();

  constructor(source: RangedSource, budget: ByteBudget) {
    this.#source = source;
    this.#budget = budget;
    const { sizeBytes, sha256 } = source;
    this.body = { sizeBytes, sha256, open: (range) => this.#open(range ?? { start: 0, end: sizeBytes }) };
  }

  /** Lets go of pieces that were read and not sent. Called once the upload is over, whatever its outcome. */
  dispose(): void {
    for (const piece of this.#pieces.values()) piece.release();
    this.#pieces.clear();
  }

  #open(range: { start: number; end: number }): Readable {
    const name = `${range.start}-${range.end}`;
    const piece = this.#pieces.get(name);
    const bytes = piece?.complete ? this.#kept(name, piece) : this.#fetched(name, range);
    return Readable.from(bytes, { objectMode: false });
  }

  async *#kept(name: string, piece: Piece): AsyncGenerator<Buffer> {
    try {
      yield* piece.chunks;
    } finally {
      this.#drop(name, piece);
    }
  }

  async *#fetched(name: string, range: { start: number; end: number }): AsyncGenerator<Buffer> {
    const { service, key, versionId, signal, onRead } = this.#source;
    const release = await this.#budget.acquire(range.end - range.start, signal);
    const piece: Piece = { chunks: [], complete: false, release };
    try {
      const { body } = await service.get(key, { range, versionId, signal });
      for await (const chunk of body as AsyncIterable<Buffer>) {
        await onRead(chunk.length);
        piece.chunks.push(chunk);
        yield chunk;
      }
      piece.complete = true;
      this.#pieces.get(name)?.release();
      this.#pieces.set(name, piece);
    } finally {
      if (!piece.complete) release();
    }
  }

  #drop(name: string, piece: Piece): void {
    if (this.#pieces.get(name) === piece) this.#pieces.delete(name);
    piece.release();
  }
}
