import * as plain from '@/lib/format.ts';

export { formatSeconds } from '@/lib/format.ts';

/** 1536 -> "1.5 KiB"; a dash where nothing is known. */
export function formatBytes(bytes: number | null | undefined): string {
  return bytes === null || bytes === undefined ? '–' : plain.formatBytes(bytes);
}

export function formatCount(count: number | null | undefined): string {
  return count === null || count === undefined ? '–' : count.toLocaleString();
}

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });
const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
];

/** "3 hours ago"; the exact moment belongs into a title beside it. */
export function formatAgo(iso: string | null | undefined, now = Date.now()): string {
  if (iso === null || iso === undefined) return 'never';
  const seconds = (new Date(iso).getTime() - now) / 1000;
  for (const [unit, size] of STEPS)
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit);
  return 'just now';
}

export function formatMoment(iso: string | null | undefined): string {
  if (iso === null || iso === undefined) return 'not known';
  return new Date(iso).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
}
