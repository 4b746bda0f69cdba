import { useQuery, useQueryClient } from '@tanstack/react-query';
import type { ColumnDef } from '@tanstack/react-table';
import { Plus } from 'lucide-react';
import { useMemo } from 'react';
import { api } from '../shared/api/client.ts';
import type { ApiKey } from '../shared/api/types.ts';
import { formatAgo, formatMoment } from '../shared/format.ts';
import { Badge } from '../shared/ui/badge.tsx';
import { Button } from '../shared/ui/button.tsx';
import { Confirm } from '../shared/ui/confirm.tsx';
import { DataTable } from '../shared/ui/data-table.tsx';
import { EmptyState, ErrorState, Loading } from '../shared/ui/states.tsx';
import { useToast } from '../shared/ui/toast.tsx';
import { useUrlState } from '../shared/url-state.ts';
import { NewKeyDialog } from './new-key-dialog.tsx';

export function ApiKeys() {
  const [making, setMaking] = useUrlState('new');
  const keys = useQuery({
    queryKey: ['keys'],
    queryFn: ({ signal }) => api<{ keys: ApiKey[] }>('/api/keys', { signal }).then((answer) => answer.keys),
  });
  return (
    <div className="flex flex-col gap-4">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <p className="max-w-2xl text-sm text-muted">
          For the command line, scripts and training code. A key opens what you may open; it is stored as a hash only.
        </p>
        <Button look="primary" onClick={() => setMaking('key')}>
          <Plus className="size-4" aria-hidden /> New key
        </Button>
      </div>
      {keys.isPending && <Loading rows={3} />}
      {keys.isError && <ErrorState error={keys.error} retry={() => void keys.refetch()} />}
      {keys.isSuccess && keys.data.length === 0 && (
        <EmptyState title="No API keys">You are signed in without one. Make one to use the command line.</EmptyState>
      )}
      {keys.isSuccess && keys.data.length > 0 && <KeyTable keys={keys.data} />}
      <NewKeyDialog open={making === 'key'} onOpenChange={(open) => setMaking(open ? 'key' : '')} />
    </div>
  );
}

function stateOf(key: ApiKey): { word: string; tone: 'good' | 'neutral' } {
  if (key.revoked_at !== null) return { word: 'revoked', tone: 'neutral' };
  if (key.expires_at !== null && new Date(key.expires_at).getTime() < Date.now())
    return { word: 'expired', tone: 'neutral' };
  return { word: 'valid', tone: 'good' };
}

function KeyTable({ keys }: { keys: readonly ApiKey[] }) {
  const columns = useMemo<ColumnDef<ApiKey>[]>(
    () => [
      {
        id: 'name',
        header: 'Name',
        cell: ({ row: { original: key } }) => (
          <>
            <span className="block truncate font-medium" title={key.name}>
              {key.name}
            </span>
            <span className="block text-xs text-muted">
              <code>ls_…{key.last_four}</code>
              <span className="md:hidden">, used {formatAgo(key.last_used_at)}</span>
            </span>
          </>
        ),
      },
      {
        id: 'state',
        header: 'State',
        cell: ({ row: { original: key } }) => {
          const { word, tone } = stateOf(key);
          return <Badge tone={tone}>{word}</Badge>;
        },
        meta: { className: 'w-24' },
      },
      {
        id: 'used',
        header: 'Last used',
        cell: ({ row }) => <When at={row.original.last_used_at} />,
        meta: { from: 'md', className: 'w-32' },
      },
      {
        id: 'created',
        header: 'Made',
        cell: ({ row }) => <When at={row.original.created_at} />,
        meta: { from: 'md', className: 'w-32' },
      },
      {
        id: 'expires',
        header: 'Expires',
        cell: ({ row }) => <When at={row.original.expires_at} />,
        meta: { from: 'lg', className: 'w-32' },
      },
      {
        id: 'actions',
        header: () => <span className="sr-only">Actions</span>,
        cell: ({ row }) => (stateOf(row.original).word === 'revoked' ? null : <RevokeKey apiKey={row.original} />),
        meta: { align: 'right', className: 'w-28' },
      },
    ],
    [],
  );
  return <DataTable label="API keys" rows={keys} columns={columns} rowKey={(key) => key.id} />;
}

function When({ at }: { at: string | null }) {
  return (
    <span className="text-muted" title={at === null ? undefined : formatMoment(at)}>
      {formatAgo(at)}
    </span>
  );
}

function RevokeKey({ apiKey }: { apiKey: ApiKey }) {
  const queries = useQueryClient();
  const say = useToast();
  const revoke = async () => {
    await api(`/api/keys/${apiKey.id}`, { method: 'DELETE' });
    await queries.invalidateQueries({ queryKey: ['keys'] });
    say({ text: `The key “${apiKey.name}” was revoked.` });
  };
  return (
    <Confirm
      trigger={
        <Button look="quiet" className="h-7" aria-label={`Revoke ${apiKey.name}`}>
          Revoke
        </Button>
      }
      title={`Revoke “${apiKey.name}”?`}
      action="Revoke key"
      busy="Revoking …"
      consequences={[
        'Whatever uses this key is refused from now on, within seconds.',
        'Browsers that signed in with it are signed out, perhaps this one.',
        'This cannot be undone; you can make another key.',
      ]}
      onConfirm={revoke}
    />
  );
}
