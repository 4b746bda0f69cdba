import { statfs } from 'node:fs/promises';
import { LongshoreError } from '@/lib/errors.ts';

export interface DiskBudgetOptions {
  /** The folder whose disk is meant. */
  folder: string;
  /** Free bytes that uploads may never use. */
  reserveBytes: number;
  /** Free bytes now; default: asks the file system. */
  freeBytes?: (folder: string) => Promise<number>;
}

/** Of an upload that does not say how long it is. */
const UNKNOWN_BYTES = 256 * 1024 * 1024;

/** Promises disk space to uploads before they begin, so that they do not all run into a full disk together. */
export class DiskBudget {
  readonly #options: DiskBudgetOptions;
  readonly #onFreed = new Set<() => void>();
  #promised = 0;

  constructor(options: DiskBudgetOptions) {
    this.#options = options;
  }

  /**
   * Sets bytes aside. Undefined when there is room for them, but running uploads have it.
   * @throws disk_full when there is none even without those
   */
  async reserve(declaredBytes: number | undefined): Promise<Reservation | undefined> {
    const bytes = declaredBytes ?? UNKNOWN_BYTES;
    const usable = await this.expectRoom(declaredBytes);
    if (bytes > usable - this.#promised) return undefined;
    this.#promised += bytes;
    return new Reservation(() => {
      this.#promised -= bytes;
      for (const listener of this.#onFreed) listener();
    });
  }

  /** The bytes that uploads may use. @throws disk_full when they would not hold this one even if all others went */
  async expectRoom(declaredBytes: number | undefined): Promise<number> {
    const usable = (await this.#free()) - this.#options.reserveBytes;
    if ((declaredBytes ?? UNKNOWN_BYTES) > usable) throw this.#full(declaredBytes, usable);
    return usable;
  }

  /** Calls `listener` whenever promised space is given back. */
  onFreed(listener: () => void): void {
    this.#onFreed.add(listener);
  }

  #free(): Promise<number> {
    return (this.#options.freeBytes ?? freeBytesOf)(this.#options.folder);
  }

  #full(declaredBytes: number | undefined, usable: number): LongshoreError {
    return new LongshoreError('disk_full', 'The disk of this server has no room for this upload.', {
      hint: 'Ask the operator to free space, or upload a smaller or compressed file.',
      details: { declared_bytes: declaredBytes ?? null, usable_bytes: Math.max(0, usable) },
    });
  }
}

export class Reservation {
  #release: (() => void) | undefined;

  constructor(release: () => void) {
    this.#release = release;
  }

  /** May be called twice. */
  release(): void {
    this.#release?.();
    this.#release = undefined;
  }
}

async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
