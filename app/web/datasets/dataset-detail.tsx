import { useQuery } from '@tanstack/react-query';
import { api } from '../shared/api/client.ts';
import type { Dataset } from '../shared/api/types.ts';
import { formatAgo, formatBytes, formatCount, formatMoment } from '../shared/format.ts';
import { Badge } from '../shared/ui/badge.tsx';
import { PageHeader } from '../shared/ui/page-header.tsx';
import { Fact, Facts } from '../shared/ui/panel.tsx';
import { ErrorState, ScreenSkeleton } from '../shared/ui/states.tsx';
import { type TabDefinition, UrlTabs } from '../shared/ui/tabs.tsx';
import { CopiesPanel } from './copies-panel.tsx';
import { replicaState } from './copy-badges.tsx';
import { DatasetActions } from './dataset-actions.tsx';
import { RecordsBrowser } from './records-browser.tsx';
import { ReportPanel, StatisticsTab } from './report-panel.tsx';

const UPLOADING_REFRESH_MS = 3000;

export default function DatasetDetail({ id }: { id: string }) {
  const found = useQuery({
    queryKey: ['dataset', id],
    queryFn: ({ signal }) =>
      api<{ dataset: Dataset }>(`/api/training/dataset/${id}`, { signal }).then((answer) => answer.dataset),
    refetchInterval: (query) => (query.state.data?.status === 'uploading' ? UPLOADING_REFRESH_MS : false),
  });
  if (found.isPending) return <ScreenSkeleton />;
  if (found.isError) {
    return (
      <div className="flex flex-col gap-4">
        <PageHeader title="Dataset" back={{ href: '/datasets', label: 'Datasets' }} />
        <ErrorState error={found.error} retry={() => void found.refetch()} />
      </div>
    );
  }
  return <Detail dataset={found.data} />;
}

function Detail({ dataset }: { dataset: Dataset }) {
  const { name, description, status } = dataset;
  const tabs: TabDefinition[] = [
    { id: 'records', label: 'Records', render: () => <RecordsBrowser dataset={dataset} /> },
    { id: 'statistics', label: 'Statistics', render: () => <StatisticsTab dataset={dataset} /> },
    { id: 'report', label: 'Report', render: () => <ReportPanel dataset={dataset} /> },
    { id: 'copies', label: 'Copies', render: () => <CopiesPanel dataset={dataset} /> },
  ];
  return (
    <div className="flex flex-col gap-5">
      <PageHeader
        title={name}
        badge={status === 'ready' ? undefined : <Badge tone={status === 'failed' ? 'bad' : 'accent'}>{status}</Badge>}
        description={description === null || description === '' ? undefined : description}
        back={{ href: '/datasets', label: 'Datasets' }}
        actions={<DatasetActions dataset={dataset} />}
      />
      <DatasetFacts dataset={dataset} />
      <UrlTabs label="Dataset" tabs={tabs} />
    </div>
  );
}

function DatasetFacts({ dataset }: { dataset: Dataset }) {
  const { kind, format, replicas } = dataset;
  const good = replicas.filter((replica) => replicaState(replica).tone === 'good').length;
  return (
    <Facts columns={5}>
      <Fact term="Kind" detail={format === kind ? 'as it came' : `from ${format}`} title={`${kind}, from ${format}`}>
        {kind ?? '–'}
      </Fact>
      <Fact term="Examples" detail={rate(dataset)}>
        {formatCount(dataset.total_examples)}
      </Fact>
      <Fact term="Size" detail={`${formatBytes(dataset.content_size_bytes)} unpacked`}>
        {formatBytes(dataset.file_size_bytes)}
      </Fact>
      <Fact term="Copies" detail={`${good} of ${replicas.length} verified`}>
        {formatCount(replicas.length)}
      </Fact>
      <Fact term="Created" detail={formatMoment(dataset.created_at)} title={formatMoment(dataset.created_at)}>
        {formatAgo(dataset.created_at)}
      </Fact>
    </Facts>
  );
}

function rate({ content_size_bytes: bytes, total_examples: examples }: Dataset): string {
  if (bytes === null || examples === null || examples === 0) return 'records';
  return `about ${formatBytes(bytes / examples)} each`;
}
