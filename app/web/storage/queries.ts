import { useQuery } from '@tanstack/react-query';
import { api } from '../shared/api/client.ts';
import type { MigrationRun, PhaseState, ScrubState, StorageState } from '../shared/api/types.ts';

/** While something runs of whose steps no event tells. */
const FOLLOW_MS = 3000;

export function useStorage() {
  return useQuery({
    queryKey: ['storage'],
    queryFn: ({ signal }) => api<StorageState>('/api/storage/status', { signal }),
  });
}

/** For admins the gates are counted and buckets are asked, so events of datasets do not ask for it again. */
export function usePhase() {
  return useQuery({
    queryKey: ['phase'],
    queryFn: ({ signal }) => api<PhaseState>('/api/storage/phase', { signal }),
  });
}

export function useScrub() {
  return useQuery({
    queryKey: ['scrub'],
    queryFn: ({ signal }) => api<ScrubState>('/api/storage/scrub', { signal }),
    refetchInterval: ({ state }) => (state.data?.running == null ? false : FOLLOW_MS),
  });
}

export const MIGRATIONS = '/api/storage/migrations';

export function useMigrations() {
  return useQuery({
    queryKey: ['migrations'],
    queryFn: ({ signal }) =>
      api<{ migrations: MigrationRun[] }>(MIGRATIONS, { query: { limit: 20 }, signal }).then((page) => page.migrations),
    refetchInterval: ({ state }) => (state.data?.some(isChecking) === true ? FOLLOW_MS : false),
  });
}

/** Both sides are being read back. */
export function isChecking({ check }: MigrationRun): boolean {
  return check !== null && check.at === null;
}
