/** Ascending order of UTF-8 bytes, which is the order of S3 listings. JavaScript's own differs above U+D7FF. */
export function compareKeys(a: string, b: string): number {
  if (a === b) return 0;
  return HIGH.test(a) || HIGH.test(b) ? Buffer.compare(Buffer.from(a), Buffer.from(b)) : a < b ? -1 : 1;
}

const HIGH = /[\ud800-\uffff]/;
