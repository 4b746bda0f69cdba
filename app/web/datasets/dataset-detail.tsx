import { useQuery } from '@tanstack/react-query';
import clsx from 'clsx';
import type { ReactNode } from 'react';
import { Link, useSearchParams } from 'wouter';
import { api } from '../shared/api/client.ts';
import type { Dataset } from '../shared/api/types.ts';
import { formatAgo, formatBytes, formatCount, formatMoment } from '../shared/format.ts';
import { ErrorState, Loading } from '../shared/ui/states.tsx';
import { CopiesPanel } from './copies-panel.tsx';
import { CopyBadges } from './copy-badges.tsx';
import { DatasetActions } from './dataset-actions.tsx';
import { RecordsBrowser } from './records-browser.tsx';
import { ReportPanel } from './report-panel.tsx';

const TABS = [
  { id: 'records', label: 'Records' },
  { id: 'report', label: 'Report' },
  { id: 'copies', label: 'Copies' },
] as const;
type TabId = (typeof TABS)[number]['id'];

export default function DatasetDetail({ id }: { id: string }) {
  const found = useQuery({
    queryKey: ['dataset', id],
    queryFn: ({ signal }) =>
      api<{ dataset: Dataset }>(`/api/training/dataset/${id}`, { signal }).then((answer) => answer.dataset),
  });
  const [params, setParams] = useSearchParams();
  const tab = TABS.find((known) => known.id === params.get('tab'))?.id ?? 'records';
  if (found.isPending) return <Loading />;
  if (found.isError) return <ErrorState error={found.error} retry={() => void found.refetch()} />;
  const dataset = found.data;
  return (
    <div className="flex flex-col gap-5">
      <div className="flex flex-wrap items-start justify-between gap-3">
        <div className="min-w-0">
          <Link href="/datasets" className="text-sm text-muted hover:text-accent">
            Datasets
          </Link>
          <h1 className="truncate text-xl font-semibold">{dataset.name}</h1>
          {dataset.description !== null && <p className="text-sm text-muted">{dataset.description}</p>}
        </div>
        <DatasetActions dataset={dataset} />
      </div>
      <Facts dataset={dataset} />
      <div role="tablist" aria-label="Dataset" className="flex gap-1 border-b border-line">
        {TABS.map(({ id: tabId, label }) => (
          <Tab
            key={tabId}
            id={tabId}
            selected={tab === tabId}
            onSelect={() => setParams({ tab: tabId }, { replace: true })}
          >
            {label}
          </Tab>
        ))}
      </div>
      <div role="tabpanel" id={`panel-${tab}`} aria-labelledby={`tab-${tab}`}>
        {tab === 'records' && <RecordsBrowser dataset={dataset} />}
        {tab === 'report' && <ReportPanel dataset={dataset} />}
        {tab === 'copies' && <CopiesPanel dataset={dataset} />}
      </div>
    </div>
  );
}

function Tab({
  id,
  selected,
  onSelect,
  children,
}: {
  id: TabId;
  selected: boolean;
  onSelect: () => void;
  children: ReactNode;
}) {
  return (
    <button
      type="button"
      role="tab"
      id={`tab-${id}`}
      aria-selected={selected}
      aria-controls={`panel-${id}`}
      onClick={onSelect}
      className={clsx(
        '-mb-px cursor-pointer border-b-2 px-3 py-2 text-sm font-medium',
        selected ? 'border-accent text-ink' : 'border-transparent text-muted hover:text-ink',
      )}
    >
      {children}
    </button>
  );
}

function Facts({ dataset }: { dataset: Dataset }) {
  const from = dataset.format === dataset.kind ? '' : `, from ${dataset.format}`;
  return (
    <dl className="grid grid-cols-2 gap-x-6 gap-y-3 rounded-lg border border-line bg-surface px-4 py-3 sm:grid-cols-3 lg:grid-cols-5">
      <Fact term="Kind">
        <code className="text-sm">{dataset.kind ?? '–'}</code>
        <span className="text-muted">{from}</span>
      </Fact>
      <Fact term="Examples">{formatCount(dataset.total_examples)}</Fact>
      <Fact term="Size">
        {formatBytes(dataset.file_size_bytes)}{' '}
        <span className="text-muted">of {formatBytes(dataset.content_size_bytes)}</span>
      </Fact>
      <Fact term="Copies">
        <CopyBadges replicas={dataset.replicas} />
      </Fact>
      <Fact term="Created">
        <span title={formatMoment(dataset.created_at)}>{formatAgo(dataset.created_at)}</span>
      </Fact>
    </dl>
  );
}

function Fact({ term, children }: { term: string; children: ReactNode }) {
  return (
    <div className="min-w-0">
      <dt className="text-xs text-muted">{term}</dt>
      <dd className="tabular mt-0.5 text-sm font-medium">{children}</dd>
    </div>
  );
}
