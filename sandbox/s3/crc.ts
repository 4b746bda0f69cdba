/** CRC32C and CRC64/NVME by tables (zlib has only CRC32), in 32-bit halves because BigInt is forty times slower. */

const CRC32C = table32(0x82f63b78);

function table32(polynomial: number): Uint32Array {
  const table = new Uint32Array(256);
  for (let i = 0; i < 256; i += 1) {
    let value = i;
    for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1;
    table[i] = value;
  }
  return table;
}

/** Indices are computed within the tables, so the fallback is never taken. */
function at(table: Uint32Array, index: number): number {
  return table[index] ?? 0;
}

/** Continues `seed` over more data; starts at 0. */
export function crc32c(data: Uint8Array, seed = 0): number {
  let crc = ~seed;
  for (let i = 0; i < data.length; i += 1) crc = (crc >>> 8) ^ at(CRC32C, (crc ^ (data[i] ?? 0)) & 255);
  return ~crc >>> 0;
}

export interface Crc64 {
  high: number;
  low: number;
}

const NVME_HIGH = 0x9a6c9329;
const NVME_LOW = 0xac4bc9b5;
const [HIGH, LOW] = table64();

function table64(): [Uint32Array, Uint32Array] {
  const highs = new Uint32Array(256);
  const lows = new Uint32Array(256);
  for (let i = 0; i < 256; i += 1) {
    let [high, low] = [0, i];
    for (let bit = 0; bit < 8; bit += 1) {
      const carry = low & 1;
      low = ((low >>> 1) | (high << 31)) >>> 0;
      high >>>= 1;
      if (carry) [high, low] = [(high ^ NVME_HIGH) >>> 0, (low ^ NVME_LOW) >>> 0];
    }
    highs[i] = high;
    lows[i] = low;
  }
  return [highs, lows];
}

/** Continues `seed` over more data; starts at zero. */
export function crc64nvme(data: Uint8Array, seed: Crc64 = { high: 0, low: 0 }): Crc64 {
  let [high, low] = [~seed.high >>> 0, ~seed.low >>> 0];
  for (let i = 0; i < data.length; i += 1) {
    const index = (low ^ (data[i] ?? 0)) & 255;
    low = (((low >>> 8) | (high << 24)) ^ at(LOW, index)) >>> 0;
    high = ((high >>> 8) ^ at(HIGH, index)) >>> 0;
  }
  return { high: ~high >>> 0, low: ~low >>> 0 };
}
