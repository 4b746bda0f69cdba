import { useQuery } from '@tanstack/react-query';
import { api } from '../shared/api/client.ts';
import type { SystemState } from '../shared/api/types.ts';
import { formatBytes, formatCount } from '../shared/format.ts';
import { Ago } from '../shared/ui/ago.tsx';
import { Badge } from '../shared/ui/badge.tsx';
import { Meter } from '../shared/ui/meter.tsx';
import { Panel, Row, Rows } from '../shared/ui/panel.tsx';
import { ErrorState, Loading } from '../shared/ui/states.tsx';

type Installation = NonNullable<SystemState['installation']>;
type Store = Installation['stores']['base'];

export function SystemPanel() {
  const system = useQuery({
    queryKey: ['system'],
    queryFn: ({ signal }) => api<SystemState>('/api/system', { signal }),
    refetchInterval: 30_000,
  });
  if (system.isPending) return <Loading />;
  if (system.isError) return <ErrorState error={system.error} retry={() => void system.refetch()} />;
  const { version, limits, installation } = system.data;
  return (
    <div className="grid items-start gap-4 lg:grid-cols-2">
      <Panel title="Longshore">
        <Rows>
          <Row term="Version">{version}</Row>
          {installation !== null && <Process installation={installation} />}
          <Row term="Largest upload">{formatBytes(limits.max_upload_bytes)}</Row>
          <Row term="Largest record">{formatBytes(limits.max_record_bytes)}</Row>
        </Rows>
      </Panel>
      {installation !== null && (
        <>
          <Panel title="Disk" description={installation.data_dir}>
            <Disk disk={installation.disk} />
          </Panel>
          <Panel title="Stores">
            <Rows>
              <StoreRow term="Base store" store={installation.stores.base} />
              <StoreRow term="Platform bucket" store={installation.stores.platform_bucket} />
            </Rows>
          </Panel>
          <Panel title="Checks">
            <Rows>
              {Object.entries({ ...installation.checks, ...installation.store_checks }).map(([name, result]) => (
                <Row key={name} term={spoken(name)}>
                  <Badge tone={result === 'ok' ? 'good' : 'bad'}>{result}</Badge>
                </Row>
              ))}
            </Rows>
          </Panel>
        </>
      )}
    </div>
  );
}

function Process({ installation }: { installation: Installation }) {
  const { started_at, url, database, auth_mode, node, memory_bytes, live_connections, id } = installation;
  return (
    <>
      <Row term="Address">{url}</Row>
      <Row term="Running since">
        <Ago at={started_at} />
      </Row>
      <Row term="Database">{database === 'embedded' ? 'embedded in this process' : 'PostgreSQL'}</Row>
      <Row term="Sign-in">{auth_mode === 'local' ? 'keys of this installation' : 'Supabase Auth'}</Row>
      <Row term="Memory">{formatBytes(memory_bytes)}</Row>
      <Row term="Open pages">{formatCount(live_connections)}</Row>
      <Row term="Node.js">{node}</Row>
      <Row term="Installation">
        <code className="text-xs break-all">{id}</code>
      </Row>
    </>
  );
}

/** Uploads stop before the disk is full; the bar turns when that is near. */
function Disk({ disk: { free_bytes, total_bytes, reserve_bytes } }: { disk: Installation['disk'] }) {
  const used = total_bytes - free_bytes;
  const near = free_bytes < reserve_bytes * 3;
  return (
    <div className="flex flex-col gap-3">
      <Meter label="Disk used" value={used / total_bytes} tone={near ? 'warn' : 'accent'} />
      <Rows>
        <Row term="Free">{formatBytes(free_bytes)}</Row>
        <Row term="Of">{formatBytes(total_bytes)}</Row>
        <Row term="Kept free of uploads">{formatBytes(reserve_bytes)}</Row>
      </Rows>
    </div>
  );
}

const PROVIDERS: Record<Store['provider'], string> = {
  s3: 'S3',
  supabase: 'Supabase Storage',
  filesystem: 'this disk',
};

function StoreRow({ term, store }: { term: string; store: Store | null }) {
  if (store === null) return <Row term={term}>none configured</Row>;
  const place = [store.region, store.endpoint].filter((part) => part !== null).join(', ');
  return (
    <Row term={term}>
      {PROVIDERS[store.provider]} <span className="block text-xs break-all text-muted">{store.bucket}</span>
      {place !== '' && <span className="block text-xs text-muted">{place}</span>}
    </Row>
  );
}

/** `base_store` -> `Base store` */
function spoken(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1).replaceAll('_', ' ');
}
