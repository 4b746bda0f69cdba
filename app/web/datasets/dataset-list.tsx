import { Upload } from 'lucide-react';
import { useEffect, useMemo, useRef, useState } from 'react';
import { KINDS } from '@/lib/ingest/types.ts';
import { formatCount } from '../shared/format.ts';
import { useShortcut } from '../shared/shell/shortcuts.tsx';
import { Button } from '../shared/ui/button.tsx';
import { DataTable, type Sorting } from '../shared/ui/data-table.tsx';
import { useNextPage } from '../shared/ui/endless-rows.ts';
import { FilterSelect } from '../shared/ui/field.tsx';
import { PageHeader } from '../shared/ui/page-header.tsx';
import { SearchBox } from '../shared/ui/search-box.tsx';
import { EmptyState, ErrorState, Loading } from '../shared/ui/states.tsx';
import { useUrlState } from '../shared/url-state.ts';
import { UploadArea } from '../uploads/upload-area.tsx';
import { datasetColumns } from './dataset-columns.tsx';
import { type ListFilters, useDatasets } from './dataset-query.ts';

const ROW_HEIGHT = 56;
const NEWEST: Sorting = { by: 'created', descending: true };

const KIND_OPTIONS = [
  { value: '', label: 'Any kind' },
  ...KINDS.map((kind) => ({ value: kind, label: kind.replaceAll('_', ' ') })),
];
const PROVIDER_OPTIONS = [
  { value: '', label: 'Any store' },
  { value: 's3', label: 'In S3' },
  { value: 'supabase', label: 'In Supabase' },
  { value: 'filesystem', label: 'On disk' },
];

/** `name`, `-name`: as it stands in the address. */
function sortingOf(text: string): Sorting {
  return text === '' ? NEWEST : { by: text.replace(/^-/, ''), descending: text.startsWith('-') };
}

function textOf({ by, descending }: Sorting): string {
  return by === NEWEST.by && descending ? '' : `${descending ? '-' : ''}${by}`;
}

export default function DatasetList() {
  return (
    <div className="flex flex-col gap-5">
      <PageHeader title="Datasets" />
      <UploadArea />
      <List />
    </div>
  );
}

function useFilters() {
  const [q, setQ] = useUrlState('q');
  const [kind, setKind] = useUrlState('kind');
  const [provider, setProvider] = useUrlState('in');
  const [sort, setSort] = useUrlState('sort');
  const filters: ListFilters = { q, kind, provider, sorting: sortingOf(sort) };
  return { filters, setQ, setKind, setProvider, setSort, filtered: q !== '' || kind !== '' || provider !== '' };
}

function List() {
  const { filters, setQ, setKind, setProvider, setSort, filtered } = useFilters();
  const { list, outdated, startOver } = useDatasets(filters);
  const datasets = useMemo(() => list.data?.pages.flatMap((page) => page.datasets) ?? [], [list.data]);
  const { hasNextPage } = list;
  const more = useNextPage(list);
  return (
    <section aria-label="Your datasets" className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-2">
        <Search q={filters.q} onSearch={setQ} />
        <FilterSelect label="Kind" value={filters.kind} options={KIND_OPTIONS} onValue={setKind} />
        <FilterSelect label="Store" value={filters.provider} options={PROVIDER_OPTIONS} onValue={setProvider} />
        {filtered && (
          <Button look="quiet" onClick={() => setQ('', { alone: true })}>
            Clear
          </Button>
        )}
        {outdated && (
          <Button look="quiet" onClick={startOver}>
            There are others since: show from the start
          </Button>
        )}
        {datasets.length > 0 && (
          <p aria-live="polite" className="tabular ml-auto text-xs text-muted">
            {hasNextPage ? `first ${formatCount(datasets.length)}` : formatCount(datasets.length)} shown
          </p>
        )}
      </div>
      {list.isPending && <Loading rows={8} />}
      {list.isError && <ErrorState error={list.error} retry={() => void list.refetch()} />}
      {list.isSuccess && datasets.length === 0 && <NothingFound filtered={filtered} />}
      {datasets.length > 0 && (
        <DataTable
          label="Datasets"
          rows={datasets}
          columns={datasetColumns}
          rowKey={(dataset) => dataset.id}
          rowHeight={ROW_HEIGHT}
          sorting={filters.sorting}
          onSort={(sorting) => setSort(textOf(sorting))}
          onEnd={more}
        />
      )}
    </section>
  );
}

/** How long nobody types before the list follows: a word costs one question, not one a letter. */
const TYPING_MS = 180;

function Search({ q, onSearch }: { q: string; onSearch: (q: string) => void }) {
  const [text, setText] = useState(q);
  const wanted = text.trim();
  const input = useRef<HTMLInputElement>(null);
  const sent = useRef(q);
  useEffect(() => {
    if (wanted === sent.current) return;
    const timer = setTimeout(() => {
      sent.current = wanted;
      onSearch(wanted);
    }, TYPING_MS);
    return () => clearTimeout(timer);
  }, [wanted, onSearch]);
  useEffect(() => {
    if (q === sent.current) return;
    sent.current = q;
    setText(q);
  }, [q]);
  useShortcut('/', 'Search datasets', () => input.current?.focus());
  return (
    <SearchBox label="Search datasets" placeholder="Search by name" value={text} onValue={setText} inputRef={input} />
  );
}

function NothingFound({ filtered }: { filtered: boolean }) {
  if (filtered) {
    return <EmptyState title="No dataset matches">Search looks at names and descriptions.</EmptyState>;
  }
  return (
    <EmptyState title="No datasets yet" icon={<Upload className="size-6" aria-hidden />}>
      Drop a file anywhere on this page: JSONL, JSON, CSV, text or Parquet, plain or compressed. Every record is checked
      before anything is stored.
    </EmptyState>
  );
}
