import type { ColumnDef } from '@tanstack/react-table';
import { Link } from 'wouter';
import type { TrainingJob } from '../shared/api/types.ts';
import { Ago } from '../shared/ui/ago.tsx';
import { Badge } from '../shared/ui/badge.tsx';
import { commandOf, duration, STATE_TONES, spoken, TARGET_NAMES } from './job-words.ts';
import { useDatasetName } from './jobs-query.ts';

export const jobColumns: ColumnDef<TrainingJob>[] = [
  { id: 'dataset', header: 'Dataset', cell: ({ row }) => <Name job={row.original} /> },
  {
    id: 'state',
    header: 'State',
    cell: ({ row }) => <JobState job={row.original} />,
    meta: { className: 'w-28 md:w-44' },
  },
  {
    id: 'target',
    header: 'Runs on',
    cell: ({ row: { original: job } }) => (
      <span className="block truncate" title={job.claimed_by ?? undefined}>
        {TARGET_NAMES[job.target]}
      </span>
    ),
    meta: { from: 'md', className: 'w-40' },
  },
  {
    id: 'took',
    header: 'Time',
    cell: ({ row }) => duration(row.original),
    meta: { from: 'sm', align: 'right', className: 'w-24' },
  },
  {
    id: 'created',
    header: 'Created',
    cell: ({ row }) => <Ago at={row.original.created_at} className="text-muted" />,
    meta: { from: 'lg', align: 'right', className: 'w-36' },
  },
];

function Name({ job }: { job: TrainingJob }) {
  const name = useDatasetName(job.dataset_id);
  return (
    <>
      <Link href={`/training/${job.id}`} className="block truncate font-medium hover:text-accent">
        {name ?? (name === null ? 'a deleted dataset' : `dataset …${job.dataset_id.slice(-6)}`)}
      </Link>
      <code className="block truncate text-xs text-muted" title={commandOf(job)}>
        {commandOf(job) ?? "the worker's own command"}
      </code>
    </>
  );
}

function JobState({ job: { state, stage, attempt, error } }: { job: TrainingJob }) {
  const detail = error !== null && state === 'failed' ? error.code : stage;
  return (
    <span className="flex min-w-0 flex-wrap items-center gap-x-2">
      <Badge tone={STATE_TONES[state]}>{state}</Badge>
      <span className="truncate text-xs text-muted max-md:hidden">
        {attempt > 1 ? `attempt ${attempt}` : detail === null ? '' : spoken(detail)}
      </span>
    </span>
  );
}
