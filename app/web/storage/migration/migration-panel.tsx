import { Truck } from 'lucide-react';
import type { MigrationRun } from '../../shared/api/types.ts';
import { formatAgo, formatBytes, formatMoment } from '../../shared/format.ts';
import { Badge } from '../../shared/ui/badge.tsx';
import { Panel } from '../../shared/ui/panel.tsx';
import { EmptyState, ErrorState, Loading } from '../../shared/ui/states.tsx';
import { useUrlState } from '../../shared/url-state.ts';
import { useMigrations } from '../queries.ts';
import { datasetCount } from '../words.ts';
import { PlanDialog } from './plan-dialog.tsx';
import { RunPanel } from './run-panel.tsx';
import { RUN_TONES } from './run-words.ts';

/** Moves what exists to S3. The run that is looked at stands in the address; without a name it is the newest. */
export function MigrationPanel() {
  const runs = useMigrations();
  const [chosen, setChosen] = useUrlState('run');
  if (runs.isPending) return <Loading />;
  if (runs.isError) return <ErrorState error={runs.error} retry={() => void runs.refetch()} />;
  const shown = runs.data.find(({ id }) => id === chosen) ?? runs.data[0];
  const plan = <PlanDialog onPlanned={setChosen} />;
  if (shown === undefined) return <NoRun plan={plan} />;
  return (
    <div className="flex flex-col gap-4">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <p className="max-w-2xl text-sm text-muted">
          Each dataset is copied to S3, read back and hashed before it counts. Nothing is deleted at its source.
        </p>
        {plan}
      </div>
      <RunPanel key={shown.id} listed={shown} />
      {runs.data.length > 1 && <Runs runs={runs.data} shown={shown.id} onChoose={setChosen} />}
    </div>
  );
}

function NoRun({ plan }: { plan: React.ReactNode }) {
  return (
    <EmptyState title="Nothing was moved yet" icon={<Truck className="size-6" aria-hidden />} action={plan}>
      A migration copies datasets from before to S3: planned first, proved byte for byte, resumable, and reversible. New
      datasets get their S3 copy by themselves from the phase Dual write on.
    </EmptyState>
  );
}

function Runs({
  runs,
  shown,
  onChoose,
}: {
  runs: readonly MigrationRun[];
  shown: string;
  onChoose: (id: string) => void;
}) {
  return (
    <Panel title="All runs" flush>
      <ul className="divide-y divide-line">
        {runs.map((run) => (
          <li key={run.id}>
            <button
              type="button"
              aria-current={run.id === shown ? 'true' : undefined}
              onClick={() => onChoose(run.id)}
              className="flex w-full cursor-pointer flex-wrap items-center gap-x-3 gap-y-1 px-4 py-2.5 text-left text-sm outline-offset-[-2px] hover:bg-sunken aria-[current]:bg-accent-soft"
            >
              <Badge tone={RUN_TONES[run.state]}>{run.state}</Badge>
              <span className="tabular">
                {datasetCount(run.items_total)}
                {run.bytes.planned > 0 && `, ${formatBytes(run.bytes.planned)}`}
              </span>
              <span className="ml-auto text-xs text-muted" title={formatMoment(run.created_at)}>
                planned {formatAgo(run.created_at)}
              </span>
            </button>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
