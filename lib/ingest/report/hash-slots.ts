/**
 * The slots of an open hash table over 53-bit hashes: found by linear probing, doubled when three quarters are taken, up
 * to a limit. The owner keeps what belongs to a slot in arrays of its own and moves it when told.
 */
export class HashSlots {
  readonly #maxSlots: number;
  /** 0 marks an empty slot; a hash of 0 is stored as 1. */
  #hashes = new Float64Array(INITIAL_SLOTS);
  #used = 0;

  constructor(maxSlots: number) {
    this.#maxSlots = maxSlots;
  }

  get length(): number {
    return this.#hashes.length;
  }

  get full(): boolean {
    return this.#used > this.#hashes.length * MAX_LOAD;
  }

  get canGrow(): boolean {
    return this.#hashes.length < this.#maxSlots;
  }

  /** The hash's slot, or the empty one where it belongs. */
  find(hash: number): number {
    const mask = this.#hashes.length - 1;
    // The low bits are left to sampling, so the slot comes from those above them.
    let slot = Math.floor(hash / 2 ** 20) & mask;
    while (this.#hashes[slot] !== 0 && this.#hashes[slot] !== hash) slot = (slot + 1) & mask;
    return slot;
  }

  has(slot: number): boolean {
    return this.#hashes[slot] !== 0;
  }

  place(slot: number, hash: number): void {
    this.#hashes[slot] = hash;
    this.#used++;
  }

  /** Makes a table of `slots` slots of those hashes that are to be kept, and tells where each went. */
  rebuild(slots: number, keep: (hash: number) => boolean, move: (from: number, to: number) => void): void {
    const old = this.#hashes;
    this.#hashes = new Float64Array(slots);
    this.#used = 0;
    for (let from = 0; from < old.length; from++) {
      const hash = old[from] ?? 0;
      if (hash === 0 || !keep(hash)) continue;
      const to = this.find(hash);
      this.place(to, hash);
      move(from, to);
    }
  }
}

export const INITIAL_SLOTS = 1 << 12;
const MAX_LOAD = 0.75;

/** As it is stored: never the mark of an empty slot. */
export function storedHash(hash: number): number {
  return hash === 0 ? 1 : hash;
}
