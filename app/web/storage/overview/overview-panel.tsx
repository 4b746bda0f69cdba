import { HardDrive } from 'lucide-react';
import type { StorageState } from '../../shared/api/types.ts';
import { formatBytes, formatCount } from '../../shared/format.ts';
import { Panel, Row, Rows } from '../../shared/ui/panel.tsx';
import { EmptyState, ErrorState, Loading } from '../../shared/ui/states.tsx';
import { PhaseTrack } from '../phase/phase-track.tsx';
import { useStorage } from '../queries.ts';
import { jobName, PHASES } from '../words.ts';
import { History } from './history.tsx';
import { Safety } from './safety.tsx';
import { Stores } from './stores.tsx';

/** Whether everything is safe, and where it is. */
export function OverviewPanel() {
  const storage = useStorage();
  if (storage.isPending) return <Loading />;
  if (storage.isError) return <ErrorState error={storage.error} retry={() => void storage.refetch()} />;
  const { data } = storage;
  return (
    <div className="flex flex-col gap-4">
      {data.datasets.total + data.datasets.uploading === 0 ? <NothingYet /> : <Safety datasets={data.datasets} />}
      <Panel title={`Phase: ${PHASES[data.phase].title}`} description={PHASES[data.phase].means}>
        <PhaseTrack phase={data.phase} since={data.since} />
      </Panel>
      <Stores storage={data} />
      <History />
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <Pending pending={data.pending} />
        {data.host !== null && <Host host={data.host} />}
      </div>
    </div>
  );
}

function NothingYet() {
  return (
    <EmptyState title="No dataset yet" icon={<HardDrive className="size-6" aria-hidden />}>
      Drop a file on this page. Here you will see where its copies lie, and when each was last read back.
    </EmptyState>
  );
}

function Pending({ pending }: { pending: StorageState['pending'] }) {
  const told = pending.flatMap((job) => {
    const name = jobName(job.type);
    return name === undefined ? [] : [{ ...job, name }];
  });
  return (
    <Panel title="Work that waits">
      {told.length === 0 ? (
        <p className="text-sm text-muted">Nothing waits.</p>
      ) : (
        <Rows>
          {told.map(({ type, name, queued, running, retrying }) => (
            <Row key={type} term={name}>
              {[
                running > 0 ? `${formatCount(running)} running` : '',
                queued > 0 ? `${formatCount(queued)} waiting` : '',
                retrying > 0 ? `${formatCount(retrying)} tried before` : '',
              ]
                .filter(Boolean)
                .join(', ')}
            </Row>
          ))}
        </Rows>
      )}
    </Panel>
  );
}

function Host({ host }: { host: NonNullable<StorageState['host']> }) {
  return (
    <Panel title="This server">
      <Rows>
        <Row term="Free disk">{formatBytes(host.free_bytes)}</Row>
        <Row term="On the way to a store">
          {host.spool_datasets === 0
            ? 'nothing'
            : `${formatCount(host.spool_datasets)}, ${formatBytes(host.spool_bytes)}`}
        </Row>
        <Row term="Users’ buckets in use">{formatCount(host.users_buckets_open)}</Row>
      </Rows>
    </Panel>
  );
}
