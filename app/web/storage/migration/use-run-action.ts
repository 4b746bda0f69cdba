import { useQueryClient } from '@tanstack/react-query';
import { api } from '../../shared/api/client.ts';
import type { MigrationRun } from '../../shared/api/types.ts';
import { MIGRATIONS } from '../queries.ts';

export type RunVerb = 'resume' | 'pause' | 'cancel' | 'verify' | 'rollback';

/** Does something to a run; its answer is shown at once. Rejects with the server's refusal. */
export function useRunAction(): (id: string, verb: RunVerb) => Promise<void> {
  const queries = useQueryClient();
  return async (id, verb) => {
    const { migration } = await api<{ migration: MigrationRun }>(`${MIGRATIONS}/${id}/${verb}`, { method: 'POST' });
    queries.setQueryData(['migration', id, 'run'], migration);
    await Promise.all([
      queries.invalidateQueries({ queryKey: ['migration', id, 'items'] }),
      queries.invalidateQueries({ queryKey: ['migration-runs'] }),
    ]);
  };
}
