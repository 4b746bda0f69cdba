import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import type { ColumnDef } from '@tanstack/react-table';
import { Plus } from 'lucide-react';
import { useMemo } from 'react';
import { useSession } from '../account/session.tsx';
import { api } from '../shared/api/client.ts';
import type { User } from '../shared/api/types.ts';
import { Ago } from '../shared/ui/ago.tsx';
import { Badge } from '../shared/ui/badge.tsx';
import { Button } from '../shared/ui/button.tsx';
import { DataTable } from '../shared/ui/data-table.tsx';
import { ErrorState, Loading } from '../shared/ui/states.tsx';
import { useToast } from '../shared/ui/toast.tsx';
import { useUrlState } from '../shared/url-state.ts';
import { NewUserDialog } from './new-user-dialog.tsx';

const PAGE = 50;

export function Users() {
  const { auth_mode } = useSession();
  const [making, setMaking] = useUrlState('new');
  const users = useInfiniteQuery({
    queryKey: ['users', 'list'],
    queryFn: ({ pageParam, signal }) =>
      api<{ users: User[]; next_cursor: string | null }>('/api/users', {
        query: { limit: PAGE, cursor: pageParam },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });
  const rows = users.data?.pages.flatMap((page) => page.users) ?? [];
  return (
    <div className="flex flex-col gap-4">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <p className="max-w-2xl text-sm text-muted">
          {auth_mode === 'supabase'
            ? 'Whoever signs in with Supabase Auth appears here by itself.'
            : 'Everybody sees only their own datasets. Admins also run the installation.'}
        </p>
        {auth_mode === 'local' && (
          <Button look="primary" onClick={() => setMaking('user')}>
            <Plus className="size-4" aria-hidden /> Add user
          </Button>
        )}
      </div>
      {users.isPending && <Loading rows={3} />}
      {users.isError && <ErrorState error={users.error} retry={() => void users.refetch()} />}
      {rows.length > 0 && <UserTable users={rows} />}
      {users.hasNextPage && (
        <Button className="self-center" onClick={() => void users.fetchNextPage()}>
          Show more
        </Button>
      )}
      <NewUserDialog open={making === 'user'} onOpenChange={(open) => setMaking(open ? 'user' : '')} />
    </div>
  );
}

type Change = Partial<{ role: User['role']; disabled: boolean }>;

function useChangeUser(): (user: User, change: Change, told: string, back?: Change) => Promise<void> {
  const queries = useQueryClient();
  const say = useToast();
  return async function change(user: User, wanted: Change, told: string, back?: Change): Promise<void> {
    try {
      await api(`/api/users/${user.id}`, { method: 'PATCH', json: wanted });
      say({ text: told, undo: back === undefined ? undefined : () => void change(user, back, 'Taken back.') });
    } catch (error) {
      say({ text: error instanceof Error ? error.message : 'It did not work.', tone: 'bad' });
    }
    await queries.invalidateQueries({ queryKey: ['users'] });
  };
}

function UserTable({ users }: { users: readonly User[] }) {
  const { user: me } = useSession();
  const columns = useMemo<ColumnDef<User>[]>(
    () => [
      {
        id: 'name',
        header: 'Name',
        cell: ({ row: { original: user } }) => (
          <>
            <span className="block truncate font-medium" title={user.name}>
              {user.name} {user.id === me.id && <span className="font-normal text-muted">(you)</span>}
            </span>
            <code className="block truncate text-xs text-muted" title={user.id}>
              {user.id}
            </code>
          </>
        ),
      },
      {
        id: 'role',
        header: 'Role',
        cell: ({ row: { original: user } }) => (
          <span className="flex flex-wrap gap-1">
            <Badge tone={user.role === 'admin' ? 'accent' : 'neutral'}>{user.role}</Badge>
            {user.disabled_at !== null && <Badge tone="bad">disabled</Badge>}
          </span>
        ),
        meta: { className: 'w-28' },
      },
      {
        id: 'created',
        header: 'Added',
        cell: ({ row: { original: user } }) => <Ago at={user.created_at} className="text-muted" />,
        meta: { from: 'md', className: 'w-32' },
      },
      {
        id: 'actions',
        header: () => <span className="sr-only">Actions</span>,
        cell: ({ row }) => (row.original.id === me.id ? null : <UserActions user={row.original} />),
        meta: { align: 'right', className: 'w-28 sm:w-60' },
      },
    ],
    [me.id],
  );
  return <DataTable label="Users" rows={users} columns={columns} rowKey={(user) => user.id} />;
}

/** Both can be taken back at once, so they ask nothing. */
function UserActions({ user }: { user: User }) {
  const change = useChangeUser();
  const disabled = user.disabled_at !== null;
  const role = user.role === 'admin' ? 'member' : 'admin';
  return (
    <span className="flex flex-wrap justify-end gap-1">
      <Button
        look="quiet"
        className="h-7 px-2"
        onClick={() =>
          void change(user, { role }, `${user.name} is ${role === 'admin' ? 'an admin' : 'a member'} now.`, {
            role: user.role,
          })
        }
      >
        Make {role}
      </Button>
      <Button
        look="quiet"
        className="h-7 px-2"
        onClick={() =>
          void change(
            user,
            { disabled: !disabled },
            disabled ? `${user.name} may sign in again.` : `${user.name} is signed out and refused.`,
            { disabled },
          )
        }
      >
        {disabled ? 'Enable' : 'Disable'}
      </Button>
    </span>
  );
}
