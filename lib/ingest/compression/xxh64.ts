const PRIME_1 = 0x9e3779b185ebca87n;
const PRIME_2 = 0xc2b2ae3d27d4eb4fn;
const PRIME_3 = 0x165667b19e3779f9n;
const PRIME_4 = 0x85ebca77c2b2ae63n;
const PRIME_5 = 0x27d4eb2f165667c5n;
const STRIPE_BYTES = 32;

/**
 * XXH64 with seed 0: the content checksum of Zstandard frames (RFC 8878, section 3.1.1). The stripes, which are all of
 * the work, are done on 32-bit halves; BigInt serves the few steps at the end.
 */
export class Xxh64 {
  /** Low and high half of each of the four lanes. */
  readonly #lanes = new Int32Array(
    [PRIME_1 + PRIME_2, PRIME_2, 0n, -PRIME_1].flatMap((lane) => [
      Number(lane & 0xffffffffn),
      Number((lane >> 32n) & 0xffffffffn),
    ]),
  );
  readonly #rest = new Uint8Array(STRIPE_BYTES);
  #restLength = 0;
  #sizeBytes = 0;

  update(bytes: Uint8Array): void {
    this.#sizeBytes += bytes.byteLength;
    let at = 0;
    if (this.#restLength > 0) {
      at = Math.min(STRIPE_BYTES - this.#restLength, bytes.byteLength);
      this.#rest.set(bytes.subarray(0, at), this.#restLength);
      this.#restLength += at;
      if (this.#restLength < STRIPE_BYTES) return;
      this.#stripe(this.#rest, 0);
    }
    for (; at + STRIPE_BYTES <= bytes.byteLength; at += STRIPE_BYTES) this.#stripe(bytes, at);
    this.#rest.set(bytes.subarray(at));
    this.#restLength = bytes.byteLength - at;
  }

  digest(): bigint {
    let hash = wrap(this.#mergedLanes() + BigInt(this.#sizeBytes));
    const view = new DataView(this.#rest.buffer, 0, this.#restLength);
    let at = 0;
    for (; at + 8 <= this.#restLength; at += 8) {
      hash = wrap(rotate(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * PRIME_1 + PRIME_4);
    }
    if (at + 4 <= this.#restLength) {
      hash = wrap(rotate(hash ^ wrap(BigInt(view.getUint32(at, true)) * PRIME_1), 23n) * PRIME_2 + PRIME_3);
      at += 4;
    }
    for (; at < this.#restLength; at++) {
      hash = wrap(rotate(hash ^ wrap(BigInt(view.getUint8(at)) * PRIME_5), 11n) * PRIME_1);
    }
    hash = wrap((hash ^ (hash >> 33n)) * PRIME_2);
    hash = wrap((hash ^ (hash >> 29n)) * PRIME_3);
    return hash ^ (hash >> 32n);
  }

  #mergedLanes(): bigint {
    if (this.#sizeBytes < STRIPE_BYTES) return PRIME_5;
    const lanes = [0, 2, 4, 6].map((low) => half(this.#lanes[low]) | (half(this.#lanes[low + 1]) << 32n));
    const turned = lanes.map((lane, i) => rotate(lane, [1n, 7n, 12n, 18n][i] ?? 0n));
    const start = wrap(turned.reduce((sum, lane) => sum + lane, 0n));
    return lanes.reduce((hash, lane) => wrap((hash ^ round(0n, lane)) * PRIME_1 + PRIME_4), start);
  }

  /** lane = rotate(lane + input * PRIME_2, 31) * PRIME_1, four times. Halves of the primes stand as literals. */
  #stripe(bytes: Uint8Array, from: number): void {
    const lanes = this.#lanes;
    for (let lane = 0; lane < 8; lane += 2) {
      const inLow = word(bytes, from + lane * 4);
      const inHigh = word(bytes, from + lane * 4 + 4);
      const productLow = Math.imul(inLow, 0x27d4eb4f);
      const productHigh =
        highOfProduct(inLow, 0x27d4eb4f) + Math.imul(inLow, 0xc2b2ae3d) + Math.imul(inHigh, 0x27d4eb4f);
      const before = lanes[lane] ?? 0;
      const low = (before + productLow) | 0;
      const carry = low >>> 0 < before >>> 0 ? 1 : 0;
      const high = (lanes[lane + 1] ?? 0) + productHigh + carry;
      const turnedLow = (low << 31) | (high >>> 1);
      const turnedHigh = (high << 31) | (low >>> 1);
      lanes[lane] = Math.imul(turnedLow, 0x85ebca87);
      lanes[lane + 1] =
        highOfProduct(turnedLow, 0x85ebca87) + Math.imul(turnedLow, 0x9e3779b1) + Math.imul(turnedHigh, 0x85ebca87);
    }
  }
}

/** The upper 32 bits of the 64-bit product of two unsigned 32-bit numbers. */
function highOfProduct(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const second = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + Math.floor(middle / 65_536) + Math.floor(second / 65_536)) | 0;
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
}

const wrap = (value: bigint) => BigInt.asUintN(64, value);
const half = (value: number | undefined) => BigInt((value ?? 0) >>> 0);
const rotate = (value: bigint, bits: bigint) => wrap((value << bits) | (value >> (64n - bits)));
const round = (lane: bigint, input: bigint) => wrap(rotate(wrap(lane + input * PRIME_2), 31n) * PRIME_1);
