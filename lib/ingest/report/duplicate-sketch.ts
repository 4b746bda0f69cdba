/** A record that was seen before, by the hash of its canonical bytes. */
export interface Duplicate {
  record: number;
  firstRecord: number;
}

const INITIAL_SLOTS = 1 << 12;
/** 2^19 slots of 16 bytes: 8 MiB. Exact up to 393,216 distinct records. */
const DEFAULT_MAX_SLOTS = 1 << 19;
const MAX_LOAD = 0.75;

/**
 * Counts duplicate records in bounded memory. Exact while all distinct hashes fit; beyond that it keeps the hashes of a
 * known fraction of all possible values (halved each time the table is full) and scales the count up. Every hash either
 * always or never falls into the fraction, so repetitions are found however far apart they are.
 */
export class DuplicateSketch {
  readonly #maxSlots: number;
  /** 0 marks an empty slot; a hash of 0 is stored as 1. */
  #hashes = new Float64Array(INITIAL_SLOTS);
  #firstRecords = new Uint32Array(INITIAL_SLOTS);
  #repeats = new Uint32Array(INITIAL_SLOTS);
  #used = 0;
  #fraction = 1;

  constructor(maxSlots = DEFAULT_MAX_SLOTS) {
    this.#maxSlots = maxSlots;
  }

  /** Gives the first record with this hash when there was one. `hash` is an integer below 2^53. */
  add(hash: number, record: number): Duplicate | undefined {
    const value = hash === 0 ? 1 : hash;
    if (value % this.#fraction !== 0) return undefined;
    const slot = this.#find(value);
    if (this.#hashes[slot] === value) {
      this.#repeats[slot] = (this.#repeats[slot] ?? 0) + 1;
      return { record, firstRecord: this.#firstRecords[slot] ?? 0 };
    }
    this.#place(slot, value, record, 0);
    if (this.#used > this.#hashes.length * MAX_LOAD) this.#makeRoom();
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

  #find(value: number): number {
    const mask = this.#hashes.length - 1;
    // The low bits decide membership in the fraction, so the slot comes from the bits above them.
    let slot = Math.floor(value / 2 ** 20) & mask;
    while (this.#hashes[slot] !== 0 && this.#hashes[slot] !== value) slot = (slot + 1) & mask;
    return slot;
  }

  #place(slot: number, value: number, record: number, repeats: number): void {
    this.#hashes[slot] = value;
    this.#firstRecords[slot] = record;
    this.#repeats[slot] = repeats;
    this.#used++;
  }

  #makeRoom(): void {
    const grows = this.#hashes.length < this.#maxSlots;
    if (!grows) this.#fraction *= 2;
    this.#rebuild(grows ? this.#hashes.length * 2 : this.#hashes.length);
  }

  #rebuild(slots: number): void {
    const [hashes, firstRecords, repeats] = [this.#hashes, this.#firstRecords, this.#repeats];
    this.#hashes = new Float64Array(slots);
    this.#firstRecords = new Uint32Array(slots);
    this.#repeats = new Uint32Array(slots);
    this.#used = 0;
    for (const [old, value] of hashes.entries()) {
      if (value === 0 || value % this.#fraction !== 0) continue;
      this.#place(this.#find(value), value, firstRecords[old] ?? 0, repeats[old] ?? 0);
    }
  }
}
