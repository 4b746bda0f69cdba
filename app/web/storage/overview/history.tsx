import { useMemo } from 'react';
import type { StorageSample } from '../../shared/api/types.ts';
import { LineChart } from '../../shared/charts/lazy-charts.tsx';
import { formatBytes, formatCount } from '../../shared/format.ts';
import { FilterSelect } from '../../shared/ui/field.tsx';
import { Panel } from '../../shared/ui/panel.tsx';
import { ErrorState, Loading } from '../../shared/ui/states.tsx';
import { useUrlState } from '../../shared/url-state.ts';
import { useHistory } from '../queries.ts';
import { storeName } from '../words.ts';
import { faultsIn } from './history-faults.ts';

const PERIODS = [
  { value: '', label: 'Last 7 days' },
  { value: '30', label: 'Last 30 days' },
  { value: '90', label: 'Last 90 days' },
];
const DEFAULT_DAYS = 7;

const DEPTH = [
  { key: 'more', name: 'two or more verified copies' },
  { key: 'one', name: 'one' },
  { key: 'none', name: 'none' },
];
/** More lines cannot be told apart. */
const MOST_STORES = 4;

/** Whether it has always been as safe as it is now. */
export function History() {
  const [days, setDays] = useUrlState('days');
  const history = useHistory(days === '' ? DEFAULT_DAYS : Number(days));
  const period = <FilterSelect label="Period" value={days} options={PERIODS} onValue={setDays} />;
  return (
    <Panel title="Over time" description="Looked at every hour; after a week one look a day is kept." actions={period}>
      {history.isPending && <Loading rows={3} />}
      {history.isError && <ErrorState error={history.error} retry={() => void history.refetch()} />}
      {history.isSuccess && <Samples samples={history.data} />}
    </Panel>
  );
}

function Samples({ samples }: { samples: readonly StorageSample[] }) {
  if (samples.length < 2)
    return (
      <p className="text-sm text-muted">
        Nothing to compare yet. The first line is drawn when there are two looks, an hour apart.
      </p>
    );
  return (
    <div className="flex flex-col gap-4">
      <div className="grid gap-6 lg:grid-cols-2">
        <Depth samples={samples} />
        <Bytes samples={samples} />
      </div>
      <Faults samples={samples} />
    </div>
  );
}

function Depth({ samples }: { samples: readonly StorageSample[] }) {
  const points = useMemo(
    () =>
      samples.map((sample) => ({
        x: Date.parse(sample.at),
        more: sample.two_verified_copies,
        one: sample.one_verified_copy,
        none: sample.no_verified_copy,
      })),
    [samples],
  );
  return (
    <div>
      <h3 className="mb-2 text-xs font-medium text-muted">Datasets by verified copies</h3>
      <LineChart
        label="Datasets by verified copies over time"
        points={points}
        series={DEPTH}
        formatX={moment}
        formatY={formatCount}
      />
    </div>
  );
}

function Bytes({ samples }: { samples: readonly StorageSample[] }) {
  const { points, series } = useMemo(() => bytesByStore(samples), [samples]);
  if (series.length === 0) return null;
  return (
    <div>
      <h3 className="mb-2 text-xs font-medium text-muted">Stored by place</h3>
      <LineChart
        label="Bytes by store over time"
        points={points}
        series={series}
        formatX={moment}
        formatY={(bytes) => formatBytes(bytes).replace(' ', '\u00a0')}
      />
    </div>
  );
}

function Faults({ samples }: { samples: readonly StorageSample[] }) {
  const faults = faultsIn(samples);
  if (faults.length === 0)
    return <p className="text-sm text-muted">No damaged copy and no silent store at any of these looks.</p>;
  return (
    <ul className="flex flex-col gap-1 text-sm">
      {faults.map(({ store, silent, bad }) => (
        <li key={`${store.provider} ${store.endpoint} ${store.bucket}`}>
          <span className="font-medium">{storeName(store.provider)}</span>{' '}
          <span className="text-muted">{store.bucket}</span>:{' '}
          {[
            silent > 0 ? `did not answer at ${formatCount(silent)} of ${formatCount(samples.length)} looks` : '',
            bad > 0 ? `up to ${formatCount(bad)} damaged copies` : '',
          ]
            .filter(Boolean)
            .join(', ')}
        </li>
      ))}
    </ul>
  );
}

function bytesByStore(samples: readonly StorageSample[]) {
  const latest = samples.at(-1)?.stores ?? [];
  const shown = [...latest].sort((a, b) => b.bytes - a.bytes).slice(0, MOST_STORES);
  const keyOf = (store: StorageSample['stores'][number]) => `${store.provider} ${store.endpoint} ${store.bucket}`;
  const points = samples.map((sample) => ({
    x: Date.parse(sample.at),
    ...Object.fromEntries(sample.stores.map((store) => [keyOf(store), store.bytes])),
  }));
  return {
    points,
    series: shown.map((store) => ({ key: keyOf(store), name: `${storeName(store.provider)} ${store.bucket}` })),
  };
}

function moment(x: number): string {
  return new Date(x).toLocaleString(undefined, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
}
