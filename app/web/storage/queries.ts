import { useQuery, useQueryClient } from '@tanstack/react-query';
import { api } from '../shared/api/client.ts';
import type { MigrationRun, PhaseState, ScrubState, StorageSample, StorageState } from '../shared/api/types.ts';
import { useLiveEvents } from '../shared/live/live-events.tsx';

/** While something runs of whose steps no event tells. */
const FOLLOW_MS = 3000;

export function useStorage() {
  return useQuery({
    queryKey: ['storage'],
    queryFn: ({ signal }) => api<StorageState>('/api/storage/status', { signal }),
  });
}

/** A sample is taken every hour: no event asks for them again. */
export function useHistory(days: number) {
  return useQuery({
    queryKey: ['storage-history', days],
    queryFn: ({ signal }) =>
      api<{ samples: StorageSample[] }>('/api/storage/history', { query: { days }, signal }).then(
        ({ samples }) => samples,
      ),
    staleTime: 10 * 60_000,
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

/** Newest first. Counting them all is dear, so only a change of a run's state asks again, not its progress. */
export function useMigrations() {
  const queries = useQueryClient();
  useLiveEvents('migration', ({ type }) => {
    if (type === 'updated') void queries.invalidateQueries({ queryKey: ['migration-runs'] });
  });
  return useQuery({
    queryKey: ['migration-runs'],
    queryFn: ({ signal }) =>
      api<{ migrations: MigrationRun[] }>(MIGRATIONS, { query: { limit: 20 }, signal }).then((page) => page.migrations),
  });
}

/** One run, live. `isAsked`: its check was asked for here, and may not have begun. */
export function useMigration(listed: MigrationRun, isAsked: boolean) {
  return useQuery({
    queryKey: ['migration', listed.id, 'run'],
    queryFn: ({ signal }) =>
      api<{ migration: MigrationRun }>(`${MIGRATIONS}/${listed.id}`, { signal }).then(({ migration }) => migration),
    placeholderData: listed,
    refetchInterval: ({ state: { data } }) =>
      data !== undefined && data.check?.at == null && (isAsked || data.check !== null) ? FOLLOW_MS : false,
  });
}

/** Both sides are being read back. */
export function isChecking({ check }: MigrationRun): boolean {
  return check !== null && check.at === null;
}
