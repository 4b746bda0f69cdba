import { useQuery } from '@tanstack/react-query';
import { useCallback } from 'react';
import { useSession } from '../account/session.tsx';
import { api } from '../shared/api/client.ts';
import type { User } from '../shared/api/types.ts';

const MOST = 200;

/** Names for user ids, as far as one may know them. */
export function useNames(): (id: string) => string {
  const { user } = useSession();
  const users = useQuery({
    queryKey: ['users', 'names'],
    queryFn: ({ signal }) => api<{ users: User[] }>('/api/users', { query: { limit: MOST }, signal }),
    enabled: user.role === 'admin',
    staleTime: 60_000,
  });
  const known = users.data?.users;
  return useCallback(
    (id) => {
      if (id === 'system') return 'Longshore';
      if (id === user.id) return user.name;
      return known?.find((one) => one.id === id)?.name ?? `user …${id.slice(-6)}`;
    },
    [known, user],
  );
}
