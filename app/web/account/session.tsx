import { useQuery, useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext } from 'react';
import { ApiProblem, api } from '../shared/api/client.ts';
import { ErrorState, Loading } from '../shared/ui/states.tsx';
import { SignIn } from './sign-in.tsx';

export interface Session {
  user: { id: string; name: string; role: 'admin' | 'member' };
  auth_mode: 'local' | 'supabase';
}

const SessionContext = createContext<Session | undefined>(undefined);

/** Who is signed in. Only below SessionGate. */
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === undefined) throw new Error('useSession needs a SessionGate above it');
  return session;
}

/** Shows the page to somebody who is signed in, and the way to sign in to everybody else. */
export function SessionGate({ children }: { children: ReactNode }) {
  const session = useQuery({
    queryKey: ['session'],
    queryFn: ({ signal }) => api<Session>('/api/users/me', { signal }),
  });
  if (session.isSuccess) return <SessionContext value={session.data}>{children}</SessionContext>;
  if (session.isPending) return <Waiting />;
  if (session.error instanceof ApiProblem && session.error.problem.status === 401) return <SignIn />;
  return (
    <main className="mx-auto max-w-lg px-4 py-24">
      <ErrorState error={session.error} retry={() => void session.refetch()} />
    </main>
  );
}

function Waiting() {
  return (
    <main className="mx-auto max-w-lg px-4 py-24">
      <Loading rows={2} />
    </main>
  );
}

/** Ends the session of this browser. */
export function useSignOut(): () => Promise<void> {
  const queries = useQueryClient();
  return async () => {
    await api('/signin', { method: 'DELETE' });
    queries.clear();
    location.assign('/');
  };
}
