import { useInfiniteQuery } from '@tanstack/react-query';
import { Search } from 'lucide-react';
import { useDeferredValue, useState } from 'react';
import { Link, useSearchParams } from 'wouter';
import { api } from '../shared/api/client.ts';
import type { Dataset, DatasetPage } from '../shared/api/types.ts';
import { formatAgo, formatBytes, formatCount, formatMoment } from '../shared/format.ts';
import { Badge } from '../shared/ui/badge.tsx';
import { Button } from '../shared/ui/button.tsx';
import { EmptyState, ErrorState, Loading } from '../shared/ui/states.tsx';
import { CopyBadges } from './copy-badges.tsx';
import { UploadArea } from './upload-area.tsx';

const PAGE = 50;

export default function DatasetList() {
  const [params, setParams] = useSearchParams();
  const [text, setText] = useState(params.get('q') ?? '');
  const q = useDeferredValue(text.trim());
  const pages = useInfiniteQuery({
    queryKey: ['datasets', q],
    queryFn: ({ pageParam, signal }) =>
      api<DatasetPage>('/api/training/dataset', { query: { q, limit: PAGE, cursor: pageParam }, signal }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });
  const datasets = pages.data?.pages.flatMap((page) => page.datasets) ?? [];
  const search = (value: string) => {
    setText(value);
    setParams(value.trim() === '' ? {} : { q: value.trim() }, { replace: true });
  };
  return (
    <div className="flex flex-col gap-5">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <h1 className="text-xl font-semibold">Datasets</h1>
        <label className="flex h-9 w-full items-center gap-2 rounded-md border border-line bg-surface px-2.5 sm:w-72">
          <Search className="size-4 text-muted" aria-hidden />
          <input
            type="search"
            aria-label="Search datasets"
            placeholder="Search by name"
            value={text}
            onChange={(event) => search(event.target.value)}
            className="w-full bg-transparent text-sm outline-none placeholder:text-muted"
          />
        </label>
      </div>
      <UploadArea />
      {pages.isPending && <Loading />}
      {pages.isError && <ErrorState error={pages.error} retry={() => void pages.refetch()} />}
      {pages.isSuccess && datasets.length === 0 && <NothingFound q={q} />}
      {datasets.length > 0 && <DatasetTable datasets={datasets} />}
      {pages.hasNextPage && (
        <Button className="self-center" disabled={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>
          {pages.isFetchingNextPage ? 'Loading …' : 'Show more'}
        </Button>
      )}
    </div>
  );
}

function NothingFound({ q }: { q: string }) {
  if (q !== '')
    return <EmptyState title={`Nothing is called “${q}”`}>Search looks at names and descriptions.</EmptyState>;
  return (
    <EmptyState title="No datasets yet">
      Drop a file above: JSONL, JSON, CSV or Parquet, plain or compressed. Every record is checked before anything is
      stored.
    </EmptyState>
  );
}

function DatasetTable({ datasets }: { datasets: Dataset[] }) {
  return (
    <div className="overflow-x-auto rounded-lg border border-line bg-surface">
      <table className="w-full text-sm">
        <thead>
          <tr className="border-b border-line text-left text-xs text-muted">
            <th className="px-4 py-2 font-medium">Name</th>
            <th className="px-3 py-2 font-medium max-sm:hidden">Kind</th>
            <th className="px-3 py-2 text-right font-medium max-sm:hidden">Examples</th>
            <th className="px-3 py-2 text-right font-medium max-sm:hidden">Size</th>
            <th className="px-3 py-2 font-medium">Copies</th>
            <th className="px-4 py-2 text-right font-medium max-md:hidden">Created</th>
          </tr>
        </thead>
        <tbody>
          {datasets.map((dataset) => (
            <DatasetRow key={dataset.id} dataset={dataset} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function DatasetRow({ dataset }: { dataset: Dataset }) {
  return (
    <tr className="border-b border-line last:border-0 hover:bg-sunken">
      <td className="max-w-64 px-4 py-2.5">
        <Link href={`/datasets/${dataset.id}`} className="block truncate font-medium hover:text-accent">
          {dataset.name}
        </Link>
        <span className="tabular block truncate text-xs text-muted sm:hidden">
          {formatCount(dataset.total_examples)} examples, {formatBytes(dataset.file_size_bytes)}
        </span>
        {dataset.description !== null && (
          <span className="block truncate text-xs text-muted">{dataset.description}</span>
        )}
      </td>
      <td className="px-3 py-2.5 max-sm:hidden">
        {dataset.status === 'ready' ? (
          <code className="text-xs">{dataset.kind}</code>
        ) : (
          <Badge tone="accent">{dataset.status}</Badge>
        )}
      </td>
      <td className="tabular px-3 py-2.5 text-right max-sm:hidden">{formatCount(dataset.total_examples)}</td>
      <td className="tabular px-3 py-2.5 text-right max-sm:hidden">{formatBytes(dataset.file_size_bytes)}</td>
      <td className="px-3 py-2.5">
        <CopyBadges replicas={dataset.replicas} />
      </td>
      <td className="px-4 py-2.5 text-right text-muted max-md:hidden" title={formatMoment(dataset.created_at)}>
        {formatAgo(dataset.created_at)}
      </td>
    </tr>
  );
}
