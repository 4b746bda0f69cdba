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

  constructor(names: readonly KeyName[]) {
    names.forEach((name, place) => {
      this.places[K[name]] = place;
    });
    this.nodes = new Int32Array(names.length);
  }

  read(tape: Tape, object: number): void {
    this.nodes.fill(-1);
    this.others = 0;
    this.mask = 0;
    const limit = tape.limit(object);
    for (let key = object + NODE; key < limit; key = tape.after(key + NODE)) {
      const place = this.places[tape.keyId(key)] as number;
      if (place >= 0) {
        this.nodes[place] = key + NODE;
        this.mask |= 1 << place;
      } else {
        this.others++;
      }
    }
  }

  at(place: number): number {
    return this.nodes[place] as number;
  }

  /** Place of a key in the set, or -1. */
  placeOf(keyId: number): number {
    return this.places[keyId] as number;
  }
}

/** Places of the names in a set, by name. */
export function placesOf<N extends KeyName>(names: readonly N[]): Readonly<Record<N, number>> {
  return Object.freeze(Object.fromEntries(names.map((name, place) => [name, place]))) as Record<N, number>;
}
