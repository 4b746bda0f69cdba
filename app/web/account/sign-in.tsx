import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api } from '../shared/api/client.ts';
import { Button } from '../shared/ui/button.tsx';
import { ErrorState } from '../shared/ui/states.tsx';

/** For a browser that has no session: the link that the server prints does the same without typing. */
export function SignIn() {
  const [key, setKey] = useState('');
  const queries = useQueryClient();
  const signIn = useMutation({
    mutationFn: () => api('/signin', { method: 'POST', json: { key: key.trim() } }),
    onSuccess: () => void queries.resetQueries(),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    signIn.mutate();
  };
  return (
    <main className="flex min-h-dvh items-center justify-center px-4">
      <form
        onSubmit={submit}
        className="flex w-full max-w-sm flex-col gap-4 rounded-lg border border-line bg-surface p-6"
      >
        <div className="flex items-center gap-2.5">
          <img src="/favicon.svg" alt="" className="size-7" />
          <h1 className="text-lg font-semibold">Sign in to Longshore</h1>
        </div>
        <label className="flex flex-col gap-1.5 text-sm font-medium">
          API key
          <input
            type="password"
            autoComplete="current-password"
            placeholder="ls_…"
            value={key}
            onChange={(event) => setKey(event.target.value)}
            className="h-9 rounded-md border border-line bg-ground px-2.5 font-mono text-sm font-normal"
          />
        </label>
        {signIn.isError && <ErrorState error={signIn.error} />}
        <Button look="primary" type="submit" disabled={key.trim() === '' || signIn.isPending} className="h-9">
          {signIn.isPending ? 'Signing in …' : 'Sign in'}
        </Button>
        <p className="text-sm text-muted">
          The server prints a sign-in link when it starts. On its machine the key is in <code>DATA_DIR/admin-key</code>.
        </p>
      </form>
    </main>
  );
}
