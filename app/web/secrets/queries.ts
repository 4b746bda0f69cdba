import { useQuery } from '@tanstack/react-query';
import { api } from '../shared/api/client.ts';
import type { SecretsOverview } from '../shared/api/types.ts';

export function useSecrets() {
  return useQuery({
    queryKey: ['secrets'],
    queryFn: ({ signal }) => api<SecretsOverview>('/api/secrets', { signal }),
  });
}
