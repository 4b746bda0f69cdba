import { useState } from 'react';
import type { MigrationRun } from '../../shared/api/types.ts';
import { formatAgo, formatBytes, formatCount, formatMoment, formatSeconds } from '../../shared/format.ts';
import { Badge } from '../../shared/ui/badge.tsx';
import { Meter } from '../../shared/ui/meter.tsx';
import { Fact, Facts } from '../../shared/ui/panel.tsx';
import { Note } from '../../shared/ui/states.tsx';
import { useMigration } from '../queries.ts';
import { datasetCount } from '../words.ts';
import { RunActions } from './run-actions.tsx';
import { RunCheck } from './run-check.tsx';
import { RunErrors } from './run-errors.tsx';
import { RunItems } from './run-items.tsx';
import { isUnderWay, RUN_TONES, rateWords, shareOf } from './run-words.ts';

/** One run: how far it is, how fast, what stands against it, and what may be done. */
export function RunPanel({ listed }: { listed: MigrationRun }) {
  const [isAsked, setAsked] = useState(false);
  const { data: run = listed } = useMigration(listed, isAsked);
  return (
    <div className="flex flex-col gap-4">
      <section aria-label="Migration run" className="rounded-lg border border-line bg-surface">
        <header className="flex flex-wrap items-center justify-between gap-x-4 gap-y-3 px-4 pt-4">
          <div className="min-w-0">
            <h2 className="flex flex-wrap items-center gap-2 text-sm font-semibold">
              {datasetCount(run.items_total)} to S3 <Badge tone={RUN_TONES[run.state]}>{run.state}</Badge>
              {run.rolled_back_at !== null && <Badge tone="warn">rolled back</Badge>}
            </h2>
            <p className="mt-0.5 text-xs text-muted">{times(run)}</p>
          </div>
          <RunActions run={run} onVerify={() => setAsked(true)} />
        </header>
        <Progress run={run} />
      </section>
      <Numbers run={run} />
      {run.error !== null && <Note tone="warn">{[run.error.message, run.error.hint].filter(Boolean).join(' ')}</Note>}
      {run.rolled_back_at !== null && (
        <Note>
          Rolled back {formatAgo(run.rolled_back_at)}: reads use the other copies. The copies in S3 were kept.
        </Note>
      )}
      <RunErrors run={run} />
      <RunCheck run={run} />
      <RunItems run={run} />
    </div>
  );
}

function times({ created_at, started_at, finished_at }: MigrationRun): string {
  if (started_at === null) return `Planned ${formatMoment(created_at)}. Nothing has been copied.`;
  if (finished_at === null) return `Started ${formatMoment(started_at)}`;
  const seconds = (Date.parse(finished_at) - Date.parse(started_at)) / 1000;
  return `Finished ${formatMoment(finished_at)}, after ${formatSeconds(seconds)}`;
}

function Progress({ run }: { run: MigrationRun }) {
  const share = shareOf(run);
  const faults = run.counts.failed + run.counts.quarantined;
  const tone = faults > 0 ? 'warn' : run.state === 'completed' ? 'good' : 'accent';
  return (
    <div className="px-4 pt-3 pb-4">
      <div className="tabular mb-2 flex items-baseline justify-between gap-4">
        <span className="text-2xl font-semibold tracking-tight">{Math.floor(share * 100)}%</span>
        <span className="text-sm text-muted">
          {formatBytes(run.bytes.copied)} of {formatBytes(run.bytes.planned)}
        </span>
      </div>
      <Meter label="Copied" value={share} tone={tone} className="h-2" />
    </div>
  );
}

function Numbers({ run }: { run: MigrationRun }) {
  const { counts, bytes } = run;
  const faults = counts.failed + counts.quarantined;
  const workers = run.workers.length;
  return (
    <Facts>
      <Fact
        term="Moved and proved"
        detail={`${formatBytes(bytes.verified)} read back`}
      >{`${formatCount(counts.done)} of ${formatCount(run.items_total)}`}</Fact>
      <Fact term="Rate" detail={workers > 1 ? `${formatCount(workers)} processes` : undefined}>
        {isUnderWay(run) ? rateWords(run.rate_bytes_per_second) : '–'}
      </Fact>
      <Fact term="Time left">
        {run.eta_seconds === null ? (isUnderWay(run) ? 'measuring …' : '–') : formatSeconds(run.eta_seconds)}
      </Fact>
      <Fact term="Failed" detail={counts.skipped > 0 ? `${formatCount(counts.skipped)} left out` : undefined}>
        {formatCount(faults)}
      </Fact>
    </Facts>
  );
}
