import { useQuery } from '@tanstack/react-query';
import { ExternalLink } from 'lucide-react';
import { api } from '../shared/api/client.ts';
import type { TrainingJob, TrainingMachine } from '../shared/api/types.ts';
import { Panel, Row, Rows } from '../shared/ui/panel.tsx';
import { ErrorState } from '../shared/ui/states.tsx';
import { isOver, TARGET_NAMES } from './job-words.ts';
import { price } from './price.ts';

const ASK_MS = 30_000;

/** What is rented for a job, as its provider tells it now. */
export function JobMachine({ job }: { job: TrainingJob }) {
  const { remote, target, id } = job;
  const ended = remote === null || remote.state === 'ended' || isOver(job.state);
  const found = useQuery({
    queryKey: ['machine', id, job.attempt],
    queryFn: ({ signal }) =>
      api<{ machine: TrainingMachine | null }>(`/api/training/deploy/${target}`, { query: { job_id: id }, signal }),
    enabled: !ended,
    refetchInterval: ASK_MS,
  });
  if (remote === null) return null;
  const machine = found.data?.machine ?? null;
  return (
    <Panel title="Machine" description={TARGET_NAMES[target]}>
      <Rows>
        <Row term="State">{machine?.state ?? remote.state}</Row>
        {machine?.reason !== null && machine?.reason !== undefined && <Row term="Reason">{machine.reason}</Row>}
        {machine?.usd_per_hour !== null && machine !== null && <Row term="Price">{price(machine.usd_per_hour)}</Row>}
        {remote.id !== undefined && <Row term="Id">{remote.id}</Row>}
        {remote.region !== undefined && <Row term="Region">{remote.region}</Row>}
        {remote.console_url !== undefined && (
          <Row term="At the provider">
            <a
              href={remote.console_url}
              target="_blank"
              rel="noreferrer"
              className="inline-flex items-center gap-1 text-accent underline"
            >
              Open its console <ExternalLink className="size-3.5" aria-hidden />
            </a>
          </Row>
        )}
      </Rows>
      {found.isError && <ErrorState error={found.error} />}
    </Panel>
  );
}
