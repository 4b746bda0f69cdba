import { useQueryClient } from '@tanstack/react-query';
import { api } from '../../shared/api/client.ts';
import type { MigrationRun } from '../../shared/api/types.ts';
import { MIGRATIONS } from '../queries.ts';

export type RunVerb = 'resume' | 'pause' | 'cancel' | 'verify' | 'rollback';

/** Does something to a run; the list shows its answer at once. Rejects with the server's refusal. */
export function useRunAction(): (id: string, verb: RunVerb) => Promise<void> {
  const queries = useQueryClient();
  return async (id, verb) => {
    const { migration } = await api<{ migration: MigrationRun }>(`${MIGRATIONS}/${id}/${verb}`, { method: 'POST' });
    queries.setQueryData<MigrationRun[]>(['migrations'], (runs) =>
      runs?.map((run) => (run.id === id ? migration : run)),
    );
    await queries.invalidateQueries({ queryKey: ['migration', id] });
  };
}
