import { K, KEY_COUNT, type KeyName } from './keys.ts';
import { NODE, type Tape } from './tape.ts';

/** Finds a fixed set of keys in objects: value nodes by the place of the key in the set, -1 where there is none. */
export class ObjectFields {
  /** Keys of the object read last that are not in the set. */
  others = 0;
  /** Bit `1 << place` of each key that the object has. */
  mask = 0;
  private readonly places = new Int8Array(KEY_COUNT).fill(-1);
  private readonly nodes: Int32Array;

  /** `places` gives each key its place: 0 upwards without gaps, at most 31 keys. */
  constructor(places: Readonly<Partial<Record<KeyName, number>>>) {
    const entries = Object.entries(places) as [KeyName, number][];
    for (const [name, place] of entries) this.places[K[name]] = place;
    this.nodes = new Int32Array(entries.length);
  }

  read(tape: Tape, object: number): void {
    const limit = tape.limit(object);
    let mask = 0;
    let others = 0;
    for (let key = object + NODE; key < limit; key = tape.after(key + NODE)) {
      const place = this.places[tape.keyId(key)] as number;
      if (place >= 0) {
        this.nodes[place] = key + NODE;
        mask |= 1 << place;
      } else {
        others++;
      }
    }
    this.mask = mask;
    this.others = others;
  }

  at(place: number): number {
    return (this.mask & (1 << place)) === 0 ? -1 : (this.nodes[place] as number);
  }

  /** Place of a key in the set, or -1. */
  placeOf(keyId: number): number {
    return this.places[keyId] as number;
  }
}
