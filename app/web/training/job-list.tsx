import { Cpu } from 'lucide-react';
import { useMemo } from 'react';
import { LinkButton } from '../shared/ui/button.tsx';
import { DataTable } from '../shared/ui/data-table.tsx';
import { useNextPage } from '../shared/ui/endless-rows.ts';
import { FilterSelect } from '../shared/ui/field.tsx';
import { PageHeader } from '../shared/ui/page-header.tsx';
import { EmptyState, ErrorState, Loading } from '../shared/ui/states.tsx';
import { useUrlState } from '../shared/url-state.ts';
import { jobColumns } from './job-columns.tsx';
import { TARGET_NAMES } from './job-words.ts';
import { useJobs } from './jobs-query.ts';
import { WorkerHelp } from './worker-help.tsx';

const ROW_HEIGHT = 56;

const STATE_OPTIONS = [
  { value: '', label: 'Any state' },
  { value: 'pending,starting,fetching,running', label: 'Not over' },
  { value: 'pending', label: 'Waiting' },
  { value: 'running', label: 'Running' },
  { value: 'completed', label: 'Completed' },
  { value: 'failed', label: 'Failed' },
  { value: 'cancelled', label: 'Cancelled' },
];
const TARGET_OPTIONS = [
  { value: '', label: 'Anywhere' },
  ...Object.entries(TARGET_NAMES).map(([value, label]) => ({ value, label })),
];

export function JobList() {
  const [state, setState] = useUrlState('state');
  const [target, setTarget] = useUrlState('target');
  const list = useJobs({ state, target });
  const jobs = useMemo(() => list.data?.pages.flatMap((page) => page.jobs) ?? [], [list.data]);
  const more = useNextPage(list);
  return (
    <div className="flex flex-col gap-5">
      <PageHeader
        title="Training"
        description="Every job is pinned to the bytes that its dataset had when it was made."
        actions={
          <LinkButton look="primary" href="/training?new=1">
            Start a job
          </LinkButton>
        }
      />
      <section aria-label="Your jobs" className="flex flex-col gap-3">
        <div className="flex flex-wrap items-center gap-2">
          <FilterSelect label="State" value={state} options={STATE_OPTIONS} onValue={setState} />
          <FilterSelect label="Runs on" value={target} options={TARGET_OPTIONS} onValue={setTarget} />
        </div>
        {list.isPending && <Loading rows={6} />}
        {list.isError && <ErrorState error={list.error} retry={() => void list.refetch()} />}
        {list.isSuccess && jobs.length === 0 && <Nothing filtered={state !== '' || target !== ''} />}
        {jobs.length > 0 && (
          <DataTable
            label="Training jobs"
            rows={jobs}
            columns={jobColumns}
            rowKey={(job) => job.id}
            rowHeight={ROW_HEIGHT}
            onEnd={more}
          />
        )}
      </section>
    </div>
  );
}

function Nothing({ filtered }: { filtered: boolean }) {
  if (filtered) return <EmptyState title="No job matches">Jobs of other states or places are not shown.</EmptyState>;
  return (
    <EmptyState title="No training jobs yet" icon={<Cpu className="size-6" aria-hidden />}>
      <p className="mb-4">
        A job runs your command beside a verified copy of a dataset: on a machine of yours, or on one that is rented for
        it.
      </p>
      <WorkerHelp />
    </EmptyState>
  );
}
