import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import type { ColumnDef } from '@tanstack/react-table';
import { Link } from 'wouter';
import { api } from '../../shared/api/client.ts';
import type { MigrationItem, MigrationRun } from '../../shared/api/types.ts';
import { formatBytes, formatCount, formatSeconds } from '../../shared/format.ts';
import { Badge } from '../../shared/ui/badge.tsx';
import { Button } from '../../shared/ui/button.tsx';
import { DataTable } from '../../shared/ui/data-table.tsx';
import { FilterSelect } from '../../shared/ui/field.tsx';
import { Meter } from '../../shared/ui/meter.tsx';
import { EmptyState, ErrorState, Loading } from '../../shared/ui/states.tsx';
import { useUrlState } from '../../shared/url-state.ts';
import { MIGRATIONS } from '../queries.ts';
import { ITEM_STATES, itemWords, rateWords } from './run-words.ts';

const PAGE = 50;

interface ItemPage {
  items: MigrationItem[];
  next_cursor: string | null;
}

function useItems(runId: string, state: string, error: string) {
  return useInfiniteQuery({
    queryKey: ['migration', runId, 'items', state, error],
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: PAGE, cursor: pageParam, state, error };
      return api<ItemPage>(`${MIGRATIONS}/${runId}/items`, { query, signal });
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
  });
}

/** The datasets of a run. State and reason are chosen in the address. */
export function RunItems({ run }: { run: MigrationRun }) {
  const [state, setState] = useUrlState('state');
  const [error] = useUrlState('error');
  const items = useItems(run.id, state, error);
  const rows = items.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <section aria-label="Datasets of the run" className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <h2 className="text-sm font-semibold">Datasets</h2>
        <FilterSelect label="State" value={state} options={optionsOf(run)} onValue={(value) => setState(value)} />
      </div>
      {items.isPending && <Loading rows={4} />}
      {items.isError && <ErrorState error={items.error} retry={() => void items.refetch()} />}
      {items.isSuccess && rows.length === 0 && (
        <EmptyState title={run.items_total === 0 ? 'Nothing to move' : 'None at the moment'}>
          {run.items_total === 0
            ? 'Every dataset that this plan looked at is in S3 already.'
            : 'No dataset of this run is in this state.'}
        </EmptyState>
      )}
      {rows.length > 0 && (
        <DataTable label="Datasets of the run" rows={rows} columns={COLUMNS} rowKey={(item) => item.dataset_id} />
      )}
      {items.hasNextPage && (
        <Button className="self-center" disabled={items.isFetchingNextPage} onClick={() => void items.fetchNextPage()}>
          {items.isFetchingNextPage ? 'Loading …' : 'Show more'}
        </Button>
      )}
    </section>
  );
}

function optionsOf({ counts }: MigrationRun) {
  const states = ITEM_STATES.filter(({ state }) => counts[state] > 0);
  return [
    { value: '', label: 'In every state' },
    ...states.map(({ state, word }) => ({ value: state, label: `${word} (${formatCount(counts[state])})` })),
  ];
}

const COLUMNS: readonly ColumnDef<MigrationItem>[] = [
  {
    id: 'name',
    header: 'Dataset',
    cell: ({ row: { original: item } }) => (
      <>
        <Link
          href={`/datasets/${item.dataset_id}?tab=copies`}
          className="block truncate font-medium hover:text-accent"
          title={item.name}
        >
          {item.name}
        </Link>
        {item.error !== null && (
          <span className="block text-xs break-words text-bad">
            {item.error.message} {item.error.hint}
          </span>
        )}
        {item.check !== null && item.check.mark !== '=' && (
          <span className="block text-xs break-words text-bad">Read back: {item.check.message}</span>
        )}
      </>
    ),
  },
  {
    id: 'state',
    header: 'State',
    cell: ({ row: { original: item } }) => <StateOf item={item} />,
    meta: { className: 'w-36 sm:w-44' },
  },
  {
    id: 'bytes',
    header: 'Size',
    cell: ({ row: { original: item } }) => formatBytes(item.bytes),
    meta: { align: 'right', from: 'sm', className: 'w-24 text-muted' },
  },
];

function StateOf({ item }: { item: MigrationItem }) {
  const { word, tone } = itemWords(item.state);
  if (item.state !== 'copying' || item.bytes === null) return <Badge tone={tone}>{word}</Badge>;
  const left = item.eta_seconds === null ? '' : `, ${formatSeconds(item.eta_seconds)} left`;
  return (
    <div className="tabular flex flex-col gap-1 text-xs text-muted">
      <Meter label={`${item.name} copied`} value={item.bytes === 0 ? 0 : item.bytes_copied / item.bytes} />
      <span className="truncate">
        {item.rate_bytes_per_second === 0 ? word : `${rateWords(item.rate_bytes_per_second)}${left}`}
      </span>
    </div>
  );
}
