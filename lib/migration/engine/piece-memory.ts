import type { ByteBudget } from '@/lib/migration/engine/byte-budget.ts';

/** Memory for pieces of an object. */
export interface PieceRoom {
  readonly buffers: readonly Buffer[];
  /** Nobody reads or writes the bytes any more: other pieces are put there. Called once, or `drop` instead. */
  release(): void;
  /** Somebody may still write into them: they are used no more. */
  drop(): void;
}

/**
 * Memory for pieces, bounded in all and used again: fresh memory for each would cost more than the transfer, in the
 * kernel, which clears it, and in the garbage collector.
 */
export class PieceMemory {
  readonly #budget: ByteBudget;
  readonly #pieceBytes: number;
  readonly #free: Buffer[] = [];

  /** `budget` may be shared with others who hold bytes. */
  constructor(budget: ByteBudget, pieceBytes: number) {
    this.#budget = budget;
    this.#pieceBytes = pieceBytes;
  }

  /** Room for so many pieces of at least so many bytes, as soon as there is some. Rejects when `signal` aborts. */
  async acquire(pieces: number, bytes: number, signal?: AbortSignal): Promise<PieceRoom> {
    const each = Math.max(bytes, this.#pieceBytes);
    const giveBack = await this.#budget.acquire(pieces * each, signal);
    const buffers = Array.from({ length: pieces }, () => this.#take(each));
    const release = () => {
      if (each === this.#pieceBytes) this.#free.push(...buffers);
      giveBack();
    };
    return { buffers, release, drop: giveBack };
  }

  #take(bytes: number): Buffer {
    const used = bytes === this.#pieceBytes ? this.#free.pop() : undefined;
    return used ?? Buffer.allocUnsafeSlow(bytes);
  }
}
