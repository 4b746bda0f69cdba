import { useCallback } from 'react';

interface EndlessList {
  hasNextPage: boolean;
  isFetchingNextPage: boolean;
  fetchNextPage: () => Promise<unknown>;
}

/** For a table whose last rows came into view: asks for the next page, once. */
export function useNextPage({ hasNextPage, isFetchingNextPage, fetchNextPage }: EndlessList): () => void {
  return useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
}
