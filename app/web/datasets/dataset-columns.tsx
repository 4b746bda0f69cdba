import type { ColumnDef } from '@tanstack/react-table';
import { Link } from 'wouter';
import type { Dataset } from '../shared/api/types.ts';
import { formatBytes, formatCount } from '../shared/format.ts';
import { Ago } from '../shared/ui/ago.tsx';
import { Badge } from '../shared/ui/badge.tsx';
import { CopyBadges } from './copy-badges.tsx';

export const datasetColumns: ColumnDef<Dataset>[] = [
  {
    id: 'name',
    header: 'Name',
    cell: ({ row: { original: dataset } }) => <Name dataset={dataset} />,
    meta: { sortBy: 'name' },
  },
  {
    id: 'kind',
    header: 'Kind',
    cell: ({ row: { original: dataset } }) =>
      dataset.status === 'ready' ? (
        <code className="block truncate text-xs">{dataset.kind ?? '–'}</code>
      ) : (
        <Badge tone={dataset.status === 'failed' ? 'bad' : 'accent'}>{dataset.status}</Badge>
      ),
    meta: { from: 'md', className: 'w-36' },
  },
  {
    id: 'examples',
    header: 'Examples',
    cell: ({ row }) => formatCount(row.original.total_examples),
    meta: { align: 'right', from: 'sm', sortBy: 'examples', className: 'w-28' },
  },
  {
    id: 'size',
    header: 'Size',
    cell: ({ row }) => formatBytes(row.original.file_size_bytes),
    meta: { align: 'right', from: 'sm', sortBy: 'size', className: 'w-28' },
  },
  {
    id: 'copies',
    header: 'Copies',
    cell: ({ row }) => <CopyBadges replicas={row.original.replicas} />,
    meta: { className: 'w-32 lg:w-48' },
  },
  {
    id: 'created',
    header: 'Created',
    cell: ({ row }) => <Ago at={row.original.created_at} className="text-muted" />,
    meta: { align: 'right', from: 'lg', sortBy: 'created', className: 'w-36' },
  },
];

function Name({ dataset }: { dataset: Dataset }) {
  const { name, description } = dataset;
  return (
    <>
      <Link href={`/datasets/${dataset.id}`} className="block truncate font-medium hover:text-accent" title={name}>
        {name}
      </Link>
      <span className="tabular block truncate text-xs text-muted sm:hidden">
        {formatCount(dataset.total_examples)} examples, {formatBytes(dataset.file_size_bytes)}
      </span>
      {description !== null && description !== '' && (
        <span className="block truncate text-xs text-muted max-sm:hidden" title={description}>
          {description}
        </span>
      )}
    </>
  );
}
