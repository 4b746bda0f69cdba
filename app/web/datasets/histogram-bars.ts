import type { Distribution } from '@/lib/ingest/types.ts';

export interface HistogramBar {
  name: string;
  value: number;
}

const MOST_BARS = 28;

/**
 * The buckets that hold anything, with those between them; neighbours are put together until a chart can show them. Each
 * is named by the values that fall into it.
 */
export function barsOf({ histogram: { bounds, counts }, min, max }: Distribution): HistogramBar[] {
  const first = counts.findIndex((count) => count > 0);
  if (first === -1) return [];
  const last = counts.findLastIndex((count) => count > 0);
  const together = Math.ceil((last - first + 1) / MOST_BARS);
  const bars: HistogramBar[] = [];
  for (let from = first; from <= last; from += together) {
    const to = Math.min(from + together - 1, last);
    const value = counts.slice(from, to + 1).reduce((sum, count) => sum + count, 0);
    bars.push({
      name: nameOf(from === 0 ? Math.floor(min) : lower(bounds, from), to === bounds.length ? max : upper(bounds, to)),
      value,
    });
  }
  return bars;
}

/** Bounds are the largest value of their bucket: the next one begins just above. */
function lower(bounds: readonly number[], bucket: number): number {
  return Math.floor(bounds[bucket - 1] ?? 0) + 1;
}

function upper(bounds: readonly number[], bucket: number): number {
  return Math.floor(bounds[bucket] ?? 0);
}

function nameOf(from: number, to: number): string {
  return from >= to ? compact(to) : `${compact(from)}–${compact(to)}`;
}

function compact(value: number): string {
  return value < 10_000
    ? String(value)
    : Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 }).format(value);
}
