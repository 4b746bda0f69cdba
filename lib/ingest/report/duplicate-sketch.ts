import { HashSlots, INITIAL_SLOTS, storedHash } from './hash-slots.ts';

/** A record that was seen before, by the hash of its canonical bytes. */
export interface Duplicate {
  record: number;
  firstRecord: number;
}

/** 2^19 slots of 16 bytes: 8 MiB. Exact up to 393,216 distinct records. */
const DEFAULT_MAX_SLOTS = 1 << 19;

/**
 * Counts duplicate records in bounded memory. Exact while all distinct hashes fit; beyond that it keeps the hashes of a
 * known fraction of all possible values (halved each time the table is full) and scales the count up. Every hash either
 * always or never falls into the fraction, so repetitions are found however far apart they are.
 */
export class DuplicateSketch {
  readonly #slots: HashSlots;
  #firstRecords = new Uint32Array(INITIAL_SLOTS);
  #repeats = new Uint32Array(INITIAL_SLOTS);
  #fraction = 1;

  constructor(maxSlots = DEFAULT_MAX_SLOTS) {
    this.#slots = new HashSlots(maxSlots);
  }

  /** Gives the first record with this hash when there was one. `hash` is an integer below 2^53. */
  add(hash: number, record: number): Duplicate | undefined {
    const value = storedHash(hash);
    if (!isMultiple(value, this.#fraction)) return undefined;
    const slot = this.#slots.find(value);
    if (this.#slots.has(slot)) {
      this.#repeats[slot] = (this.#repeats[slot] ?? 0) + 1;
      return { record, firstRecord: this.#firstRecords[slot] ?? 0 };
    }
    this.#slots.place(slot, value);
    this.#firstRecords[slot] = record;
    if (this.#slots.full) this.#makeRoom();
    return undefined;
  }

  get exact(): boolean {
    return this.#fraction === 1;
  }

  result(): { count: number; exact: boolean } {
    let repeats = 0;
    for (const count of this.#repeats) repeats += count;
    return { count: repeats * this.#fraction, exact: this.exact };
  }

  #makeRoom(): void {
    const size = this.#slots.canGrow ? this.#slots.length * 2 : this.#slots.length;
    if (!this.#slots.canGrow) this.#fraction *= 2;
    const [firstRecords, repeats] = [this.#firstRecords, this.#repeats];
    this.#firstRecords = new Uint32Array(size);
    this.#repeats = new Uint32Array(size);
    const inFraction = (hash: number) => isMultiple(hash, this.#fraction);
    this.#slots.rebuild(size, inFraction, (from, to) => {
      this.#firstRecords[to] = firstRecords[from] ?? 0;
      this.#repeats[to] = repeats[from] ?? 0;
    });
  }
}

/** For a power of two, by which division is exact: the remainder of large numbers is slow. */
function isMultiple(hash: number, powerOfTwo: number): boolean {
  const quotient = hash / powerOfTwo;
  return Math.floor(quotient) === quotient;
}
