import type { StorageState } from '../../shared/api/types.ts';
import { formatAgo, formatBytes, formatCount, formatMoment } from '../../shared/format.ts';
import { Badge, type Tone } from '../../shared/ui/badge.tsx';
import { Meter } from '../../shared/ui/meter.tsx';
import { type Health, isSameStore, type Store, storeName } from '../words.ts';

const ROLES: Readonly<Record<string, string>> = {
  base: 'base store',
  bucket: 'bucket of the platform',
  user: 'own bucket',
};

interface Place {
  provider: string;
  endpoint: string | null;
  bucket: string;
  store: Store | undefined;
  health: Health | undefined;
}

/** Every bucket that holds something or that is to: what lies there, how fresh its proof is, and whether it answers. */
export function Stores({ storage }: { storage: StorageState }) {
  return (
    <section aria-label="Stores">
      <h2 className="mb-2 text-sm font-semibold">What is where</h2>
      <ul className="grid gap-4 lg:grid-cols-2">
        {placesOf(storage).map((place) => (
          <StoreCard key={`${place.provider} ${place.endpoint} ${place.bucket}`} place={place} />
        ))}
      </ul>
    </section>
  );
}

function placesOf({ stores, health }: StorageState): Place[] {
  const holding = stores.map((store) => {
    const { provider, endpoint, bucket } = store;
    return { provider, endpoint, bucket, store, health: health.find((one) => isSameStore(store, one)) };
  });
  const others = health.filter((one) => !stores.some((store) => isSameStore(store, one)));
  return [
    ...holding,
    ...others.map((one) => {
      const { provider, endpoint, bucket } = one;
      return { provider, endpoint, bucket, store: undefined, health: one };
    }),
  ];
}

function StoreCard({ place: { provider, endpoint, bucket, store, health } }: { place: Place }) {
  const role = health === undefined ? undefined : (ROLES[health.role] ?? health.role);
  return (
    <li className="flex min-w-0 flex-col rounded-lg border border-line bg-surface">
      <div className="flex items-start justify-between gap-3 border-b border-line px-4 py-3">
        <div className="min-w-0">
          <h3 className="truncate text-sm font-semibold" title={bucket}>
            {storeName(provider)} <span className="font-normal text-muted">{role}</span>
          </h3>
          <p className="truncate text-xs text-muted" title={`${bucket} ${endpoint ?? ''}`}>
            {bucket}
            {endpoint !== null && ` at ${endpoint.replace(/^https?:\/\//, '')}`}
          </p>
        </div>
        <HealthBadge health={health} />
      </div>
      {store === undefined ? (
        <p className="px-4 py-3 text-sm text-muted">Nothing lies here.</p>
      ) : (
        <Contents store={store} />
      )}
    </li>
  );
}

function HealthBadge({ health }: { health: Health | undefined }) {
  if (health === undefined)
    return <Badge title="A user’s bucket is asked when it is used; a failure would stand here">no fault known</Badge>;
  const asked = `Asked ${formatAgo(health.checked_at)}`;
  if (health.circuit !== 'closed')
    return (
      <Badge tone="bad" title={`${asked}. It failed so often that it is left alone for ten seconds at a time.`}>
        resting after failures
      </Badge>
    );
  if (health.status === 'ok')
    return (
      <Badge tone="good" title={asked}>
        answers
      </Badge>
    );
  return (
    <Badge tone="bad" title={asked}>
      {health.error ?? 'fails'}
    </Badge>
  );
}

function Contents({ store }: { store: Store }) {
  const copies = store.replicas.completed ?? 0;
  const share = copies === 0 ? 0 : store.verified_within_30_days / copies;
  return (
    <div className="flex flex-1 flex-col gap-3 px-4 py-3 text-sm">
      <p className="tabular">
        <span className="text-base font-semibold">{formatBytes(store.bytes)}</span>{' '}
        <span className="text-muted">in copies of {formatCount(store.datasets)} datasets</span>
      </p>
      <div>
        <div className="tabular mb-1.5 flex flex-wrap justify-between gap-x-3 text-xs text-muted">
          <span>
            <span className="font-medium text-ink">{formatCount(store.verified_within_30_days)}</span> of{' '}
            {formatCount(copies)} verified within 30 days
          </span>
          <span title={formatMoment(store.oldest_verified_at)}>
            {store.never_verified > 0
              ? `${formatCount(store.never_verified)} never`
              : `oldest ${formatAgo(store.oldest_verified_at)}`}
          </span>
        </div>
        <Meter label="Verified within 30 days" value={share} tone={share === 1 ? 'good' : 'accent'} />
      </div>
      <States replicas={store.replicas} />
    </div>
  );
}

const STATES: readonly [string, string, Tone][] = [
  ['completed', 'stored', 'good'],
  ['pending', 'being written', 'warn'],
  ['failed', 'failed', 'bad'],
  ['missing', 'missing', 'bad'],
  ['corrupt', 'corrupt', 'bad'],
  ['deleting', 'being deleted', 'neutral'],
];

function States({ replicas }: { replicas: Store['replicas'] }) {
  return (
    <ul aria-label="Copies by state" className="flex flex-wrap gap-1">
      {STATES.filter(([state]) => (replicas[state] ?? 0) > 0).map(([state, word, tone]) => (
        <li key={state}>
          <Badge tone={tone}>
            <span className="tabular">{formatCount(replicas[state])}</span> {word}
          </Badge>
        </li>
      ))}
    </ul>
  );
}
