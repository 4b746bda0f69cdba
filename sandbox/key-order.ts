/** Ascending order of UTF-8 bytes, which is the order of S3 listings. JavaScript's own differs above U+D7FF. */
export function compareKeys(a: string, b: string): number {
  if (a === b) return 0;
  return HIGH.test(a) || HIGH.test(b) ? Buffer.compare(Buffer.from(a), Buffer.from(b)) : a < b ? -1 : 1;
}

/** Index of the first key at or after `key` in a sorted array. */
export function lowerBound(keys: readonly string[], key: string): number {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareKeys(keys[middle] ?? '', key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

const HIGH = /[\ud800-\uffff]/;
