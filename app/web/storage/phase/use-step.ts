import { useQueryClient } from '@tanstack/react-query';
import { api } from '../../shared/api/client.ts';
import type { PhaseState } from '../../shared/api/types.ts';
import { useToast } from '../../shared/ui/toast.tsx';
import { PHASES, type PhaseName } from '../words.ts';

export interface Step {
  phase: PhaseName;
  confirm?: boolean;
  force?: boolean;
  reason?: string;
}

/** Enters a phase. Rejects with the server's refusal. */
export function useStep(): (step: Step) => Promise<void> {
  const queries = useQueryClient();
  const say = useToast();
  return async ({ phase, confirm, force, reason = '' }) => {
    const words = reason.trim() === '' ? undefined : reason.trim();
    const json = { phase, confirm, force, reason: words };
    queries.setQueryData(['phase'], await api<PhaseState>('/api/storage/phase', { method: 'POST', json }));
    await queries.invalidateQueries({ queryKey: ['storage'] });
    say({ text: `The phase is ${PHASES[phase].title} now.` });
  };
}
