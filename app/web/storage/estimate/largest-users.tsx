import type { ColumnDef } from '@tanstack/react-table';
import { useMemo } from 'react';
import { useNames } from '../../activity/use-names.ts';
import type { MoveEstimate } from '../../shared/api/types.ts';
import { formatBytes, formatCount } from '../../shared/format.ts';
import { Badge } from '../../shared/ui/badge.tsx';
import { DataTable } from '../../shared/ui/data-table.tsx';

type UserVolume = MoveEstimate['largest_users'][number];

const BUCKETS = {
  own: { word: 'own bucket', tone: 'good' },
  platform: { word: 'bucket of the platform', tone: 'good' },
  none: { word: 'no bucket', tone: 'warn' },
} as const;

/** Those who have most to copy. */
export function LargestUsers({ users }: { users: readonly UserVolume[] }) {
  const names = useNames();
  const columns = useMemo<ColumnDef<UserVolume>[]>(
    () => [
      {
        id: 'user',
        header: 'User',
        cell: ({ row: { original: user } }) => (
          <span className="block truncate font-medium" title={user.user_id}>
            {names(user.user_id)}
          </span>
        ),
      },
      {
        id: 'bucket',
        header: 'Goes to',
        cell: ({ row: { original: user } }) => (
          <Badge tone={BUCKETS[user.bucket].tone}>{BUCKETS[user.bucket].word}</Badge>
        ),
        meta: { className: 'w-40' },
      },
      {
        id: 'datasets',
        header: 'To copy',
        cell: ({ row: { original: user } }) => formatCount(user.to_copy),
        meta: { align: 'right', from: 'sm', className: 'w-28' },
      },
      {
        id: 'bytes',
        header: 'Bytes',
        cell: ({ row: { original: user } }) => formatBytes(user.to_copy_bytes),
        meta: { align: 'right', className: 'w-28' },
      },
    ],
    [names],
  );
  return <DataTable label="Users with most to copy" rows={users} columns={columns} rowKey={(user) => user.user_id} />;
}
