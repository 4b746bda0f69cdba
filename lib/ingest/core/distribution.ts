import type { Distribution } from '@/lib/ingest/types.ts';

/** Values below this have a bucket each; above, every octave has SUB buckets (3 % wide). */
const EXACT = 64;
const SUB_BITS = 5;
const SUB = 1 << SUB_BITS;
const BUCKETS = EXACT + 25 * SUB;

/** Counts of lengths, mergeable without loss. `counts` maps a bucket's number to its count. */
export interface LengthCounts {
  min: number;
  max: number;
  counts: Record<string, number>;
}

/** Collects lengths of one batch. */
export class LengthCounter {
  private min = Number.MAX_SAFE_INTEGER;
  private max = 0;
  private readonly counts = new Float64Array(BUCKETS);
  /** Buckets that are not zero: a batch of one record must not cost a walk over all. */
  private touched: number[] = [];

  add(length: number): void {
    if (length < this.min) this.min = length;
    if (length > this.max) this.max = length;
    const bucket = bucketOf(length);
    if (this.counts[bucket] === 0) this.touched.push(bucket);
    this.counts[bucket] = (this.counts[bucket] as number) + 1;
  }

  /** The counts so far; starts again from nothing. */
  take(): LengthCounts {
    const counts: Record<string, number> = {};
    for (const bucket of this.touched) {
      counts[bucket] = this.counts[bucket] as number;
      this.counts[bucket] = 0;
    }
    this.touched = [];
    const taken = { min: this.min, max: this.max, counts };
    this.min = Number.MAX_SAFE_INTEGER;
    this.max = 0;
    return taken;
  }
}

export function emptyLengths(): LengthCounts {
  return { min: Number.MAX_SAFE_INTEGER, max: 0, counts: {} };
}

export function mergeLengths(a: LengthCounts, b: LengthCounts): LengthCounts {
  const counts = { ...a.counts };
  for (const [bucket, count] of Object.entries(b.counts)) counts[bucket] = (counts[bucket] ?? 0) + count;
  return { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max), counts };
}

function bucketOf(length: number): number {
  if (length < EXACT) return length;
  const octave = 31 - Math.clz32(length);
  return EXACT + (octave - 6) * SUB + ((length >> (octave - SUB_BITS)) & (SUB - 1));
}

/** Largest length that falls into a bucket. */
function upperBound(bucket: number): number {
  if (bucket < EXACT) return bucket;
  const octave = 6 + Math.floor((bucket - EXACT) / SUB);
  const sub = (bucket - EXACT) % SUB;
  return (SUB + sub + 1) * 2 ** (octave - SUB_BITS) - 1;
}

/** Percentiles (3 % high at most) and a histogram by powers of two. Null when nothing was counted. */
export function finishLengths(lengths: LengthCounts): Distribution | null {
  const buckets = Object.entries(lengths.counts).map(([bucket, count]) => ({
    upper: upperBound(Number(bucket)),
    count,
  }));
  buckets.sort((a, b) => a.upper - b.upper);
  const total = buckets.reduce((sum, bucket) => sum + bucket.count, 0);
  if (total === 0) return null;
  return {
    min: lengths.min,
    p50: percentile(buckets, total, 0.5, lengths),
    p95: percentile(buckets, total, 0.95, lengths),
    max: lengths.max,
    histogram: histogram(buckets, lengths),
  };
}

interface Bucket {
  upper: number;
  count: number;
}

function percentile(buckets: readonly Bucket[], total: number, share: number, lengths: LengthCounts): number {
  const rank = Math.max(1, Math.ceil(total * share));
  let seen = 0;
  for (const { upper, count } of buckets) {
    seen += count;
    if (seen >= rank) return Math.min(Math.max(upper, lengths.min), lengths.max);
  }
  return lengths.max;
}

/** Buckets end just below powers of two, from the one that holds the least length to the one that holds the greatest. */
function histogram(buckets: readonly Bucket[], lengths: LengthCounts): Distribution['histogram'] {
  const bounds: number[] = [];
  for (let bound = 1; bound - 1 < lengths.max; bound *= 2) if (bound * 2 - 1 >= lengths.min) bounds.push(bound * 2 - 1);
  const inner = bounds.slice(0, -1);
  const counts = new Array<number>(inner.length + 1).fill(0);
  for (const { upper, count } of buckets) {
    const place = inner.findIndex((bound) => upper <= bound);
    const slot = place < 0 ? inner.length : place;
    counts[slot] = (counts[slot] ?? 0) + count;
  }
  return { bounds: inner, counts };
}
