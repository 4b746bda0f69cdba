import type { TrainingJob, TrainingJobState, TrainingTarget } from '../shared/api/types.ts';
import { formatSeconds } from '../shared/format.ts';
import type { Tone } from '../shared/ui/badge.tsx';

export const TARGET_NAMES: Readonly<Record<TrainingTarget, string>> = {
  local: 'Your own machine',
  runpod: 'RunPod',
  lambda: 'Lambda Cloud',
  sagemaker: 'SageMaker',
};

export const STATE_TONES: Readonly<Record<TrainingJobState, Tone>> = {
  pending: 'neutral',
  starting: 'accent',
  fetching: 'accent',
  running: 'accent',
  completed: 'good',
  failed: 'bad',
  cancelled: 'neutral',
};

/** Nothing happens to it any more, unless somebody begins it again. */
export function isOver(state: TrainingJobState): boolean {
  return state === 'completed' || state === 'failed' || state === 'cancelled';
}

/** How long the attempt has run, or ran. */
export function duration({ started_at, finished_at }: TrainingJob, now = Date.now()): string {
  if (started_at === null) return '–';
  const end = finished_at === null ? now : new Date(finished_at).getTime();
  return formatSeconds((end - new Date(started_at).getTime()) / 1000);
}

export function commandOf({ config }: TrainingJob): string | undefined {
  return Array.isArray(config.command) ? config.command.join(' ') : config.command;
}

/** `copy_refused` -> `copy refused` */
export function spoken(word: string): string {
  return word.replaceAll('_', ' ');
}
