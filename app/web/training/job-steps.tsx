import type { TrainingJobState } from '../shared/api/types.ts';
import { formatMoment, formatSeconds } from '../shared/format.ts';
import { Badge } from '../shared/ui/badge.tsx';
import { EmptyState, Loading } from '../shared/ui/states.tsx';
import { storeName } from '../storage/words.ts';
import type { Step, Story } from './job-story.ts';
import { STATE_TONES, spoken } from './job-words.ts';

/** States and stages of every attempt, with the time from each to the next. */
export function JobSteps({ story }: { story: Story | undefined }) {
  if (story === undefined) return <Loading />;
  const { steps } = story;
  if (steps.length === 0) return <EmptyState title="Nothing has happened yet" />;
  return (
    <ol className="divide-y divide-line rounded-lg border border-line bg-surface text-sm">
      {steps.map((step, index) => (
        <li key={step.id} className="flex flex-wrap items-baseline gap-x-3 gap-y-1 px-4 py-2">
          <Word step={step} />
          <span className="min-w-0 flex-1 break-words text-muted">{detailOf(step)}</span>
          <span className="tabular text-xs text-muted" title={formatMoment(step.at)}>
            {between(step, steps[index + 1])}
          </span>
        </li>
      ))}
    </ol>
  );
}

function Word({ step: { kind, data, attempt } }: { step: Step }) {
  if (kind === 'stage') return <span className="font-medium">{spoken(String(data.stage))}</span>;
  const state = String(data.to);
  return (
    <Badge tone={STATE_TONES[state as TrainingJobState] ?? 'neutral'}>
      {attempt > 1 ? `${state}, attempt ${attempt}` : state}
    </Badge>
  );
}

function detailOf({ data }: Step): string {
  const error = data.error as { message?: string } | null | undefined;
  const parts = [
    data.claimed_by === undefined || data.claimed_by === null ? undefined : `taken by ${data.claimed_by}`,
    data.provider === undefined ? undefined : `the copy in ${storeName(String(data.provider))}: ${data.reason}`,
    error?.message,
  ];
  return parts.filter((part) => part !== undefined).join('; ');
}

function between(step: Step, next: Step | undefined): string {
  if (next === undefined) return formatMoment(step.at);
  const seconds = (new Date(next.at).getTime() - new Date(step.at).getTime()) / 1000;
  return seconds < 1 ? 'under 1s' : formatSeconds(seconds);
}
