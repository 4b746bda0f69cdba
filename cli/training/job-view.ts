import type { TrainingJob, TrainingJobEvent } from '@/lib/http/api-types.ts';
import { paint, type Terminal } from '../output/terminal.ts';

const COLORS = { completed: 'green', failed: 'red', cancelled: 'yellow' } as const;

export function paintState(terminal: Terminal, state: string): string {
  const color = COLORS[state as keyof typeof COLORS];
  return color === undefined ? state : paint(terminal, color, state);
}

/** `running  0193...  local  (attempt 2)  why it failed` */
export function stateLine(terminal: Terminal, job: TrainingJob): string {
  const attempt = job.attempt > 1 ? `  (attempt ${job.attempt})` : '';
  const error = job.error === null ? '' : `  ${job.error.message}`;
  return `${paintState(terminal, job.state)}  ${job.id}  ${job.target}${attempt}${error}`;
}

/** One event as lines for a person; empty for what has nothing to say. */
export function eventText(terminal: Terminal, { kind, data }: TrainingJobEvent): string {
  if (kind === 'log') return String(data.text ?? '');
  if (kind === 'metric') return `${paint(terminal, 'cyan', metricText(data))}\n`;
  if (kind === 'state') return `${paint(terminal, 'dim', '·')} ${paintState(terminal, String(data.to))}\n`;
  return `${paint(terminal, 'dim', `· ${stageText(data)}`)}\n`;
}

/** `step 40  loss 1.23  lr 0.0001` */
export function metricText(data: Record<string, unknown>): string {
  const place = ['step', 'epoch'].flatMap((name) => (data[name] === undefined ? [] : [`${name} ${data[name]}`]));
  const values = Object.entries((data.values ?? {}) as Record<string, number>);
  return [...place, ...values.map(([name, value]) => `${name} ${Number(value.toPrecision(6))}`)].join('  ');
}

function stageText({ stage, provider, reason }: Record<string, unknown>): string {
  return [stage, provider, reason].filter((part) => part !== undefined && part !== null).join(' ');
}
