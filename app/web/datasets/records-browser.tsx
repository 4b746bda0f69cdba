import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useSearchParams } from 'wouter';
import { api } from '../shared/api/client.ts';
import type { Dataset, Preview } from '../shared/api/types.ts';
import { formatCount } from '../shared/format.ts';
import { Button } from '../shared/ui/button.tsx';
import { ErrorState, Loading } from '../shared/ui/states.tsx';
import { RecordView } from './record-view.tsx';

const PAGE = 10;

/** Any page of a dataset of any size: the server reads only the blocks that hold it. */
export function RecordsBrowser({ dataset }: { dataset: Dataset }) {
  const [params, setParams] = useSearchParams();
  const [raw, setRaw] = useState(false);
  const total = dataset.total_examples ?? 0;
  const offset = Math.min(Math.max(0, Number(params.get('at') ?? 1) - 1 || 0), Math.max(0, total - 1));
  const goTo = (next: number) =>
    setParams({ at: String(Math.min(Math.max(0, next), Math.max(0, total - 1)) + 1) }, { replace: true });
  const page = useQuery({
    queryKey: ['preview', dataset.id, dataset.content_sha256, offset],
    queryFn: ({ signal }) =>
      api<Preview>(`/api/training/dataset/${dataset.id}/preview`, { query: { offset, limit: PAGE }, signal }),
    placeholderData: keepPreviousData,
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (page.isPending) return <Loading />;
  if (page.isError) return <ErrorState error={page.error} retry={() => void page.refetch()} />;
  const { examples, offset: first } = page.data;
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center justify-between gap-2 text-sm">
        <label className="flex items-center gap-2 text-muted">
          Record
          <input
            key={offset}
            type="number"
            min={1}
            max={total}
            defaultValue={offset + 1}
            onKeyDown={(event) => event.key === 'Enter' && goTo(Number(event.currentTarget.value) - 1)}
            onBlur={(event) => goTo(Number(event.currentTarget.value) - 1)}
            className="tabular h-8 w-24 rounded-md border border-line bg-surface px-2 text-ink"
          />
          of {formatCount(total)}
        </label>
        <span className="flex gap-2">
          <Button aria-pressed={raw} onClick={() => setRaw(!raw)}>
            {raw ? 'Readable' : 'Raw'}
          </Button>
          <Button disabled={offset === 0} onClick={() => goTo(offset - PAGE)}>
            Previous
          </Button>
          <Button disabled={offset + PAGE >= total} onClick={() => goTo(offset + PAGE)}>
            Next
          </Button>
        </span>
      </div>
      <ol className="flex flex-col gap-3">
        {examples.map((example, index) => (
          <li key={first + index} className="overflow-hidden rounded-lg border border-line bg-surface">
            <div className="border-b border-line bg-sunken px-4 py-1 text-xs text-muted">
              {formatCount(first + index + 1)}
            </div>
            <RecordView record={example} raw={raw} />
          </li>
        ))}
      </ol>
    </div>
  );
}
