import type { MigrationItem, MigrationRun } from '../../shared/api/types.ts';
import { formatBytes } from '../../shared/format.ts';
import type { Tone } from '../../shared/ui/badge.tsx';

export const RUN_TONES: Readonly<Record<MigrationRun['state'], Tone>> = {
  planned: 'neutral',
  running: 'accent',
  paused: 'warn',
  cancelling: 'warn',
  cancelled: 'neutral',
  completed: 'good',
  failed: 'bad',
};

export const ITEM_STATES: readonly { state: MigrationItem['state']; word: string; tone: Tone }[] = [
  { state: 'pending', word: 'to move', tone: 'neutral' },
  { state: 'copying', word: 'being copied', tone: 'accent' },
  { state: 'verifying', word: 'being read back', tone: 'accent' },
  { state: 'done', word: 'proved', tone: 'good' },
  { state: 'skipped', word: 'left out', tone: 'neutral' },
  { state: 'failed', word: 'failed', tone: 'bad' },
  { state: 'quarantined', word: 'quarantined', tone: 'bad' },
];

export function itemWords(state: MigrationItem['state']): { word: string; tone: Tone } {
  return ITEM_STATES.find((one) => one.state === state) ?? { word: state, tone: 'neutral' };
}

/** Whether a process works on it, or soon will. */
export function isUnderWay({ state }: MigrationRun): boolean {
  return state === 'running' || state === 'cancelling';
}

/** What a later go may still move. */
export function leftOver({ counts }: MigrationRun): number {
  return counts.pending + counts.skipped + counts.failed + counts.quarantined;
}

export function shareOf({ bytes, counts, items_total }: MigrationRun): number {
  if (bytes.planned > 0) return bytes.copied / bytes.planned;
  return items_total === 0 ? 0 : counts.done / items_total;
}

export function rateWords(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}
