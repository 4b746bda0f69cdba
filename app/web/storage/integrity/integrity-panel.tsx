import { useMutation, useQueryClient } from '@tanstack/react-query';
import { ShieldCheck } from 'lucide-react';
import { useSession } from '../../account/session.tsx';
import { api } from '../../shared/api/client.ts';
import type { ScrubState } from '../../shared/api/types.ts';
import { formatAgo, formatBytes, formatCount, formatMoment, formatSeconds } from '../../shared/format.ts';
import { Badge } from '../../shared/ui/badge.tsx';
import { Button } from '../../shared/ui/button.tsx';
import { Meter } from '../../shared/ui/meter.tsx';
import { Fact, Facts, Panel } from '../../shared/ui/panel.tsx';
import { EmptyState, ErrorState, Loading } from '../../shared/ui/states.tsx';
import { useToast } from '../../shared/ui/toast.tsx';
import { useScrub } from '../queries.ts';
import { Findings } from './findings.tsx';

type Run = NonNullable<ScrubState['running']>;

/** Reading copies back on schedule and on request, and making anew what was lost. */
export function IntegrityPanel() {
  const scrub = useScrub();
  if (scrub.isPending) return <Loading />;
  if (scrub.isError) return <ErrorState error={scrub.error} retry={() => void scrub.refetch()} />;
  const { running, last, findings, coverage, settings } = scrub.data;
  return (
    <div className="flex flex-col gap-4">
      <Head settings={settings} isRunning={running !== null} />
      <Facts columns={3}>
        <Fact term="Copies" detail="in all stores">
          {formatCount(coverage.replicas)}
        </Fact>
        <Fact term="Never read back" detail={coverage.never_read === 0 ? 'every copy was proved' : 'not proved yet'}>
          {formatCount(coverage.never_read)}
        </Fact>
        <Fact term="Oldest proof" title={formatMoment(coverage.oldest_verified_at)}>
          {formatAgo(coverage.oldest_verified_at)}
        </Fact>
      </Facts>
      {running !== null && <Running run={running} />}
      {last !== null && <Last run={last} />}
      {findings.length > 0 && <Findings findings={findings} />}
      {running === null && last === null && (
        <EmptyState title="No scrub yet" icon={<ShieldCheck className="size-6" aria-hidden />}>
          Every copy is read back once when it is made. A scrub reads all of them again, and what is lost or damaged is
          made anew from a good copy.
        </EmptyState>
      )}
    </div>
  );
}

function Head({ settings, isRunning }: { settings: ScrubState['settings']; isRunning: boolean }) {
  const { start, repair } = useIntegrityActions();
  return (
    <div className="flex flex-wrap items-center justify-between gap-3">
      <p className="max-w-2xl text-sm text-muted">
        Every copy is read back and hashed within {intervalWords(settings.interval_seconds)}, at no more than{' '}
        {formatBytes(settings.bytes_per_second)}/s. What is lost or damaged is made anew from a good copy.
      </p>
      <span className="flex flex-wrap gap-2">
        <Button disabled={repair.isPending} onClick={() => repair.mutate()}>
          {repair.isPending ? 'Asking …' : 'Repair'}
        </Button>
        <Button look="primary" disabled={start.isPending || isRunning} onClick={() => start.mutate()}>
          {isRunning ? 'Scrub runs' : 'Start a scrub'}
        </Button>
      </span>
    </div>
  );
}

function useIntegrityActions() {
  const scope = useSession().user.role === 'admin' ? 'all' : 'mine';
  const queries = useQueryClient();
  const say = useToast();
  const onError = (error: Error) => say({ text: error.message, tone: 'bad' });
  const start = useMutation({
    mutationFn: () => api<{ run: Run | null }>('/api/storage/scrub', { method: 'POST', json: { scope } }),
    onSuccess: ({ run }) => {
      if (run === null) say({ text: 'There is no copy to read yet.' });
      return queries.invalidateQueries({ queryKey: ['scrub'] });
    },
    onError,
  });
  const repair = useMutation({
    mutationFn: () => api('/api/storage/reconcile', { method: 'POST', json: { scope } }),
    onSuccess: () => say({ text: 'Compared in the background; what copies lack is made.' }),
    onError,
  });
  return { start, repair };
}

function intervalWords(seconds: number): string {
  const days = Math.round(seconds / 86_400);
  if (days < 1) return formatSeconds(seconds);
  return days === 1 ? 'a day' : `${formatCount(days)} days`;
}

function Running({ run }: { run: Run }) {
  const share = run.total_bytes === 0 ? undefined : run.checked_bytes / run.total_bytes;
  return (
    <Panel title="A scrub runs" description={`Begun ${formatAgo(run.started_at)}`}>
      <Meter label="Copies read back" value={share} className="h-2" />
      <p className="tabular mt-2.5 flex flex-wrap justify-between gap-x-4 text-sm text-muted">
        <span>
          {formatCount(run.checked_replicas)} of {formatCount(run.total_replicas)} copies
        </span>
        <span>
          {formatBytes(run.checked_bytes)} of {formatBytes(run.total_bytes)}
        </span>
      </p>
    </Panel>
  );
}

function Last({ run }: { run: Run }) {
  const faults = run.missing + run.corrupt + run.errors;
  return (
    <Panel
      title="Last scrub"
      description={`Finished ${formatAgo(run.finished_at)}, ${formatBytes(run.checked_bytes)} read`}
      actions={
        <Badge tone={faults === 0 ? 'good' : 'bad'}>
          {faults === 0 ? 'all intact' : `${formatCount(faults)} found`}
        </Badge>
      }
    >
      <Facts>
        <Fact term="The same">{formatCount(run.same)}</Fact>
        <Fact term="Missing">{formatCount(run.missing)}</Fact>
        <Fact term="Damaged">{formatCount(run.corrupt)}</Fact>
        <Fact term="Not readable">{formatCount(run.errors)}</Fact>
      </Facts>
    </Panel>
  );
}
