import { useQueryClient } from '@tanstack/react-query';
import { RefreshCw } from 'lucide-react';
import type { PhaseState } from '../../shared/api/types.ts';
import { formatAgo, formatMoment } from '../../shared/format.ts';
import { useLiveEvents } from '../../shared/live/live-events.tsx';
import { Badge } from '../../shared/ui/badge.tsx';
import { Button } from '../../shared/ui/button.tsx';
import { Panel } from '../../shared/ui/panel.tsx';
import { ErrorState, Loading } from '../../shared/ui/states.tsx';
import { usePhase } from '../queries.ts';
import { PHASES } from '../words.ts';
import { GateList } from './gate-list.tsx';
import { PhaseTrack } from './phase-track.tsx';
import { StepBack } from './step-back.tsx';
import { StepForward } from './step-forward.tsx';

/** Where the installation stands, what stands before the next phase, and the way back. */
export function PhasePanel() {
  const phase = usePhase();
  const queries = useQueryClient();
  useLiveEvents('migration', ({ type }) => {
    if (type === 'updated') void queries.invalidateQueries({ queryKey: ['phase'] });
  });
  if (phase.isPending) return <Loading />;
  if (phase.isError) return <ErrorState error={phase.error} retry={() => void phase.refetch()} />;
  const state = phase.data;
  return (
    <div className="flex flex-col gap-4">
      <Panel title={PHASES[state.phase].title} description={PHASES[state.phase].means}>
        <PhaseTrack phase={state.phase} since={state.since} />
      </Panel>
      {state.next !== null && (
        <Next next={state.next} checking={phase.isFetching} onCheck={() => void phase.refetch()} />
      )}
      {state.previous !== null && <StepBack from={state.phase} previous={state.previous} />}
      <History state={state} />
    </div>
  );
}

function Next({
  next,
  checking,
  onCheck,
}: {
  next: NonNullable<PhaseState['next']>;
  checking: boolean;
  onCheck: () => void;
}) {
  return (
    <Panel
      flush
      title={`Next: ${PHASES[next.phase].title}`}
      description={PHASES[next.phase].means}
      actions={
        <>
          <Button disabled={checking} onClick={onCheck}>
            <RefreshCw className="size-3.5" aria-hidden /> {checking ? 'Counting …' : 'Check again'}
          </Button>
          <StepForward next={next} />
        </>
      }
    >
      <GateList gates={next.gates} />
    </Panel>
  );
}

function History({ state: { history } }: { state: PhaseState }) {
  return (
    <Panel title="How it came to be" flush>
      <ol className="divide-y divide-line text-sm">
        {history.map((entry) => (
          <li
            key={`${entry.since} ${entry.phase}`}
            className="flex flex-wrap items-baseline justify-between gap-x-4 px-4 py-2.5"
          >
            <span className="flex flex-wrap items-center gap-2">
              <span className="font-medium">{PHASES[entry.phase].title}</span>
              {entry.forced && <Badge tone="warn">forced</Badge>}
              {entry.reason !== null && <span className="text-muted">{entry.reason}</span>}
            </span>
            <span className="text-xs text-muted" title={formatMoment(entry.since)}>
              {formatAgo(entry.since)}
            </span>
          </li>
        ))}
      </ol>
    </Panel>
  );
}
