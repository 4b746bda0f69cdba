import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { ChevronLeft, ChevronRight } from 'lucide-react';
import { type FormEvent, useEffect, useState } from 'react';
import { api } from '../shared/api/client.ts';
import type { Dataset, Preview } from '../shared/api/types.ts';
import { formatCount } from '../shared/format.ts';
import { useShortcut } from '../shared/shell/shortcuts.tsx';
import { Button, IconButton } from '../shared/ui/button.tsx';
import { CopyIcon } from '../shared/ui/copy.tsx';
import { EmptyState, ErrorState, Loading } from '../shared/ui/states.tsx';
import { useUrlState } from '../shared/url-state.ts';
import { RecordView } from './record-view.tsx';

const PAGE = 10;

/** Any page of a dataset of any size: the server reads only the blocks that hold it. */
export function RecordsBrowser({ dataset }: { dataset: Dataset }) {
  const [at, setAt] = useUrlState('at');
  const [view, setView] = useUrlState('view');
  const total = dataset.total_examples ?? 0;
  const offset = Math.min(Math.max(0, Number(at === '' ? 1 : at) - 1 || 0), Math.max(0, total - 1));
  const goTo = (next: number) => {
    const record = Math.min(Math.max(0, next), Math.max(0, total - 1)) + 1;
    setAt(record === 1 ? '' : String(record));
  };
  const page = usePage(dataset, offset);
  useShortcut('j', 'Next records', () => goTo(offset + PAGE));
  useShortcut('k', 'Records before', () => goTo(offset - PAGE));
  if (dataset.status !== 'ready')
    return <EmptyState title="Not ready yet">Its records can be read when it is.</EmptyState>;
  if (page.isPending) return <Loading />;
  if (page.isError) return <ErrorState error={page.error} retry={() => void page.refetch()} />;
  const raw = view === 'raw';
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center justify-between gap-2 text-sm">
        <Jump offset={offset} total={total} goTo={goTo} />
        <span className="flex items-center gap-1">
          <Button aria-pressed={raw} className="mr-1" onClick={() => setView(raw ? '' : 'raw')}>
            {raw ? 'Readable' : 'Raw'}
          </Button>
          <IconButton label="Records before" disabled={offset === 0} onClick={() => goTo(offset - PAGE)}>
            <ChevronLeft className="size-4" aria-hidden />
          </IconButton>
          <IconButton label="Next records" disabled={offset + PAGE >= total} onClick={() => goTo(offset + PAGE)}>
            <ChevronRight className="size-4" aria-hidden />
          </IconButton>
        </span>
      </div>
      <Records page={page.data} raw={raw} stale={page.isPlaceholderData} />
    </div>
  );
}

function usePage(dataset: Dataset, offset: number) {
  return useQuery({
    queryKey: ['preview', dataset.id, dataset.content_sha256, offset],
    queryFn: ({ signal }) =>
      api<Preview>(`/api/training/dataset/${dataset.id}/preview`, { query: { offset, limit: PAGE }, signal }),
    placeholderData: keepPreviousData,
    staleTime: Number.POSITIVE_INFINITY,
    enabled: dataset.status === 'ready',
  });
}

/** Any record by its number. */
function Jump({ offset, total, goTo }: { offset: number; total: number; goTo: (offset: number) => void }) {
  const [text, setText] = useState(String(offset + 1));
  useEffect(() => setText(String(offset + 1)), [offset]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const wanted = Number(text.replaceAll(/[^\d]/g, ''));
    if (wanted > 0) goTo(wanted - 1);
  };
  return (
    <form onSubmit={submit} className="flex items-center gap-2 text-muted">
      <label htmlFor="record-number">Record</label>
      <input
        id="record-number"
        inputMode="numeric"
        autoComplete="off"
        value={text}
        onChange={(event) => setText(event.target.value)}
        onBlur={() => setText(String(offset + 1))}
        className="tabular h-8 w-24 rounded-md border border-line bg-surface px-2 text-right text-ink shadow-xs"
      />
      <span className="tabular">
        to {formatCount(Math.min(offset + PAGE, total))} of {formatCount(total)}
      </span>
    </form>
  );
}

function Records({ page: { examples, offset }, raw, stale }: { page: Preview; raw: boolean; stale: boolean }) {
  return (
    <ol aria-label="Records" aria-busy={stale} className={`flex flex-col gap-3 ${stale ? 'opacity-60' : ''}`}>
      {examples.map((example, index) => (
        <li key={offset + index} className="overflow-hidden rounded-lg border border-line bg-surface">
          <div className="tabular flex items-center justify-between border-b border-line bg-sunken py-0.5 pr-1 pl-4 text-xs text-muted">
            {formatCount(offset + index + 1)}
            <CopyIcon text={JSON.stringify(example)} what={`JSON of record ${offset + index + 1}`} />
          </div>
          <RecordView record={example} raw={raw} />
        </li>
      ))}
    </ol>
  );
}
