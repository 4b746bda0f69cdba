import type { ColumnDef } from '@tanstack/react-table';
import { formatBytes } from '../../shared/format.ts';
import { Ago } from '../../shared/ui/ago.tsx';
import { Badge } from '../../shared/ui/badge.tsx';
import { DataTable } from '../../shared/ui/data-table.tsx';
import { storeName } from '../words.ts';
import { OrphanActions } from './orphan-actions.tsx';
import { type Orphan, REASONS, VERDICTS } from './orphan-words.ts';

const COLUMNS: readonly ColumnDef<Orphan>[] = [
  {
    id: 'object',
    header: 'Object',
    cell: ({ row: { original: orphan } }) => (
      <>
        <span className="flex flex-wrap items-center gap-2">
          <span className="font-medium">
            {storeName(orphan.provider)} <span className="font-normal text-muted">{orphan.bucket}</span>
          </span>
          <Badge tone={VERDICTS[orphan.verdict].tone}>{VERDICTS[orphan.verdict].word}</Badge>
        </span>
        <code className="block text-xs break-all text-muted">{orphan.key}</code>
        <span className="mt-0.5 block text-xs text-muted">
          {VERDICTS[orphan.verdict].means} {orphan.reason !== null && REASONS[orphan.reason]}
        </span>
      </>
    ),
  },
  {
    id: 'size',
    header: 'Size',
    cell: ({ row: { original: orphan } }) => (
      <>
        {formatBytes(orphan.size_bytes)}
        <Ago at={orphan.last_modified} className="block text-xs text-muted" />
      </>
    ),
    meta: { align: 'right', from: 'sm', className: 'w-32' },
  },
  {
    id: 'actions',
    header: () => <span className="sr-only">Actions</span>,
    cell: ({ row: { original: orphan } }) => <OrphanActions orphan={orphan} />,
    meta: { align: 'right', className: 'w-28' },
  },
];

export function OrphanTable({ orphans }: { orphans: readonly Orphan[] }) {
  return (
    <DataTable label="Orphans" rows={orphans} columns={COLUMNS} rowKey={(orphan) => `${orphan.store} ${orphan.key}`} />
  );
}
