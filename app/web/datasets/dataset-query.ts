import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { api } from '../shared/api/client.ts';
import type { DatasetPage } from '../shared/api/types.ts';
import type { Sorting } from '../shared/ui/data-table.tsx';

export interface ListFilters {
  q: string;
  kind: string;
  provider: string;
  sorting: Sorting;
}

const PAGE = 100;

/** The list, page by page: the server goes on behind the last row, wherever that is. */
export function useDatasets({ q, kind, provider, sorting }: ListFilters) {
  const { by: sort, descending } = sorting;
  const order = descending ? 'desc' : 'asc';
  return useInfiniteQuery({
    queryKey: ['datasets', 'list', { q, kind, provider, sort, order }],
    queryFn: ({ pageParam, signal }) =>
      api<DatasetPage>('/api/training/dataset', {
        query: { q, kind, provider, sort, order, status: 'all', limit: PAGE, cursor: pageParam },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
  });
}
