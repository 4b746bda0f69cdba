import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import type { ColumnDef } from '@tanstack/react-table';
import { useMemo } from 'react';
import { useSession } from '../account/session.tsx';
import { api } from '../shared/api/client.ts';
import type { AuditEntry } from '../shared/api/types.ts';
import { formatAgo } from '../shared/format.ts';
import { Ago } from '../shared/ui/ago.tsx';
import { Button } from '../shared/ui/button.tsx';
import { DataTable } from '../shared/ui/data-table.tsx';
import { FilterSelect } from '../shared/ui/field.tsx';
import { PageHeader } from '../shared/ui/page-header.tsx';
import { EmptyState, ErrorState, Loading } from '../shared/ui/states.tsx';
import { useUrlState } from '../shared/url-state.ts';
import { AREAS, detailsOf, wordsOf } from './actions.ts';
import { useNames } from './use-names.ts';

const PAGE = 50;
const DAY_MS = 86_400_000;

const PERIODS = [
  { value: '', label: 'At any time' },
  { value: '1', label: 'Last day' },
  { value: '7', label: 'Last 7 days' },
  { value: '30', label: 'Last 30 days' },
];

interface AuditPage {
  entries: AuditEntry[];
  next_cursor: string | null;
}

function useAudit(area: string, days: string, actor: string) {
  return useInfiniteQuery({
    queryKey: ['audit', area, days, actor],
    queryFn: ({ pageParam, signal }) => {
      const since = days === '' ? undefined : new Date(Date.now() - Number(days) * DAY_MS).toISOString();
      return api<AuditPage>('/api/audit', { query: { area, since, actor, limit: PAGE, cursor: pageParam }, signal });
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
  });
}

export default function ActivityScreen() {
  const { user } = useSession();
  const [area, setArea] = useUrlState('area');
  const [days, setDays] = useUrlState('days');
  const [actor, setActor] = useUrlState('actor');
  const audit = useAudit(area, days, actor);
  const names = useNames();
  const columns = useColumns(names, setActor);
  const entries = audit.data?.pages.flatMap((page) => page.entries) ?? [];
  const filtered = area !== '' || days !== '' || actor !== '';
  const clear = () => setArea('', { alone: true });
  return (
    <div className="flex flex-col gap-5">
      <PageHeader
        title="Activity"
        description={
          user.role === 'admin'
            ? 'Who did what, in the whole installation. Written in the same transaction as the change it tells of.'
            : 'What was done to your things, by you and by others.'
        }
      />
      <div className="flex flex-wrap items-center gap-2">
        <FilterSelect label="Kind of action" value={area} options={AREAS} onValue={(value) => setArea(value)} />
        <FilterSelect label="Time" value={days} options={PERIODS} onValue={(value) => setDays(value)} />
        {actor !== '' && <span className="text-sm text-muted">by {names(actor)}</span>}
        {filtered && (
          <Button look="quiet" onClick={clear}>
            Clear
          </Button>
        )}
      </div>
      {audit.isPending && <Loading rows={8} />}
      {audit.isError && <ErrorState error={audit.error} retry={() => void audit.refetch()} />}
      {audit.isSuccess && entries.length === 0 && (
        <EmptyState title="Nothing of this kind">Nothing that was done matches these filters.</EmptyState>
      )}
      {entries.length > 0 && (
        <DataTable label="Activity" rows={entries} columns={columns} rowKey={(entry) => String(entry.id)} />
      )}
      {audit.hasNextPage && (
        <Button className="self-center" disabled={audit.isFetchingNextPage} onClick={() => void audit.fetchNextPage()}>
          {audit.isFetchingNextPage ? 'Loading …' : 'Show older'}
        </Button>
      )}
    </div>
  );
}

function useColumns(names: (id: string) => string, setActor: (id: string) => void): ColumnDef<AuditEntry>[] {
  return useMemo(
    () => [
      {
        id: 'action',
        header: 'What',
        cell: ({ row: { original: entry } }) => (
          <>
            <span className="block truncate font-medium" title={entry.action}>
              {wordsOf(entry.action)}
            </span>
            <span className="block truncate text-xs text-muted sm:hidden">
              {names(entry.actor)}, {formatAgo(entry.at)}
            </span>
          </>
        ),
        meta: { className: 'sm:w-52' },
      },
      {
        id: 'details',
        header: 'Details',
        cell: ({ row: { original: entry } }) => (
          <span className="block truncate text-muted" title={`${detailsOf(entry)}\n${entry.subject ?? ''}`}>
            {detailsOf(entry) || entry.subject}
          </span>
        ),
        meta: { from: 'md' },
      },
      {
        id: 'actor',
        header: 'Who',
        cell: ({ row: { original: entry } }) => (
          <button
            type="button"
            title={`Only what ${names(entry.actor)} did`}
            onClick={() => setActor(entry.actor)}
            className="max-w-full cursor-pointer truncate hover:text-accent"
          >
            {names(entry.actor)}
          </button>
        ),
        meta: { from: 'sm', className: 'w-36' },
      },
      {
        id: 'at',
        header: 'When',
        cell: ({ row: { original: entry } }) => <Ago at={entry.at} />,
        meta: { align: 'right', from: 'sm', className: 'w-36 text-muted' },
      },
    ],
    [names, setActor],
  );
}
