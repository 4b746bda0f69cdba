import { useInfiniteQuery } from '@tanstack/react-query';
import { PackageCheck } from 'lucide-react';
import { api } from '../../shared/api/client.ts';
import type { OrphanPage } from '../../shared/api/types.ts';
import { formatCount } from '../../shared/format.ts';
import { Button } from '../../shared/ui/button.tsx';
import { EmptyState, ErrorState, Loading, Note } from '../../shared/ui/states.tsx';
import { OrphanTable } from './orphan-table.tsx';

const PAGE = 200;

/** Objects in the stores that no row knows. Listing them reads the stores, so it is done on request, part by part. */
export function OrphansPanel() {
  const search = useInfiniteQuery({
    queryKey: ['orphans'],
    queryFn: ({ pageParam, signal }) =>
      api<OrphanPage>('/api/storage/orphans', { query: { limit: PAGE, cursor: pageParam }, signal }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (search.isPending) return <Loading label="Listing the stores" />;
  if (search.isError) return <ErrorState error={search.error} retry={() => void search.refetch()} />;
  const { pages } = search.data;
  const orphans = pages.flatMap((page) => page.orphans);
  const looked = pages.reduce((sum, page) => sum + page.looked_at, 0);
  return (
    <div className="flex flex-col gap-4">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <p className="max-w-2xl text-sm text-muted">
          Objects under our keys that no row knows: after a restored backup, a lost database, a copied bucket. They are
          never served. Nothing younger than six hours is listed.
        </p>
        <Button disabled={search.isFetching} onClick={() => void search.refetch()}>
          {search.isFetching ? 'Looking …' : 'Look again'}
        </Button>
      </div>
      <Unreachable pages={pages} />
      {orphans.length > 0 && <OrphanTable orphans={orphans} />}
      {orphans.length === 0 && !search.hasNextPage && (
        <EmptyState title="No orphans" icon={<PackageCheck className="size-6" aria-hidden />}>
          {formatCount(looked)} objects were looked at; none is an orphan.
        </EmptyState>
      )}
      {search.hasNextPage && (
        <Button
          className="self-center"
          disabled={search.isFetchingNextPage}
          onClick={() => void search.fetchNextPage()}
        >
          {search.isFetchingNextPage ? 'Looking …' : `Look further (${formatCount(looked)} objects so far)`}
        </Button>
      )}
    </div>
  );
}

function Unreachable({ pages }: { pages: readonly OrphanPage[] }) {
  const stores = new Map(pages.flatMap((page) => page.unreachable.map(({ store, code }) => [store, code] as const)));
  if (stores.size === 0) return null;
  return (
    <Note tone="warn">
      Not everything could be listed:{' '}
      {[...stores].map(([store, code]) => (
        <span key={store} className="break-all">
          {store} (<code>{code}</code>){' '}
        </span>
      ))}
    </Note>
  );
}
