import {
  type InfiniteData,
  keepPreviousData,
  replaceEqualDeep,
  useInfiniteQuery,
  useQueryClient,
} from '@tanstack/react-query';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { api } from '../shared/api/client.ts';
import type { DatasetPage } from '../shared/api/types.ts';
import { gather } from '../shared/live/gather.ts';
import { useLiveEvents } from '../shared/live/live-events.tsx';
import type { Sorting } from '../shared/ui/data-table.tsx';
import { idsIn, withFresh } from './list-pages.ts';

export interface ListFilters {
  q: string;
  kind: string;
  provider: string;
  sorting: Sorting;
}

const PAGE = 100;
/** As many as one request takes. */
const MOST_IDS = 200;

type Pages = InfiniteData<DatasetPage, string | null>;

/** The list, page by page: the server goes on behind the last row, wherever that is. */
export function useDatasets({ q, kind, provider, sorting }: ListFilters) {
  const { by: sort, descending } = sorting;
  const order = descending ? 'desc' : 'asc';
  const queryKey = useMemo(
    () => ['datasets', 'list', { q, kind, provider, sort, order }] as const,
    [q, kind, provider, sort, order],
  );
  const list = useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam, signal }) =>
      api<DatasetPage>('/api/training/dataset', {
        query: { q, kind, provider, sort, order, status: 'all', limit: PAGE, cursor: pageParam },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
    // Of one page the rows that are the same stay the same; comparing all of many costs more than drawing those in view.
    structuralSharing: (before, after) => ((after as Pages).pages.length > 1 ? after : replaceEqualDeep(before, after)),
    // Events tell what changed: coming back to the window is no reason to ask for every page again.
    refetchOnWindowFocus: false,
    meta: { freshensItself: true },
  });
  return { list, ...useFreshRows(queryKey) };
}

/**
 * Keeps the list true while events arrive, with one request for a burst of them however far it was scrolled: the first
 * page is asked for again; of a longer list only the rows that changed. `outdated`: there are rows that it lacks.
 */
function useFreshRows(queryKey: readonly unknown[]): { outdated: boolean; startOver: () => void } {
  const queries = useQueryClient();
  const [outdatedKey, setOutdatedKey] = useState<readonly unknown[]>();
  const setOutdated = useCallback(() => setOutdatedKey(queryKey), [queryKey]);
  const refresh = useCallback(
    async (ids: readonly string[]) => {
      const pages = queries.getQueryData<Pages>(queryKey)?.pages ?? [];
      if (pages.length <= 1) return queries.invalidateQueries({ queryKey });
      const known = idsIn(pages);
      const changed = ids.filter((id) => known.has(id));
      if (changed.length < ids.length || changed.length > MOST_IDS) setOutdated();
      if (changed.length === 0) return;
      const asked = changed.slice(0, MOST_IDS);
      const query = { ids: asked.join(','), status: 'all', limit: MOST_IDS };
      const { datasets } = await api<DatasetPage>('/api/training/dataset', { query });
      queries.setQueryData<Pages>(queryKey, (now) => now && { ...now, pages: withFresh(now.pages, asked, datasets) });
    },
    [queries, queryKey, setOutdated],
  );
  useGathered((ids) => void refresh(ids).catch(setOutdated));
  const startOver = useCallback(() => {
    setOutdatedKey(undefined);
    scrollTo({ top: 0 });
    void queries.resetQueries({ queryKey });
  }, [queries, queryKey]);
  return { outdated: outdatedKey === queryKey, startOver };
}

/** Calls `refresh` with the datasets of a burst of events. */
function useGathered(refresh: (ids: readonly string[]) => void): void {
  const latest = useRef(refresh);
  useEffect(() => {
    latest.current = refresh;
  });
  const [burst] = useState(() => gather((ids) => latest.current(ids)));
  useEffect(() => burst.stop, [burst]);
  useLiveEvents('dataset', ({ subject }) => burst.add(subject));
}
