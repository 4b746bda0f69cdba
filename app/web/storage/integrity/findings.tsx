import type { ColumnDef } from '@tanstack/react-table';
import { Link } from 'wouter';
import type { ScrubState } from '../../shared/api/types.ts';
import { Ago } from '../../shared/ui/ago.tsx';
import { Badge } from '../../shared/ui/badge.tsx';
import { DataTable } from '../../shared/ui/data-table.tsx';
import { storeName } from '../words.ts';

type Finding = ScrubState['findings'][number];

const WORDS: Readonly<Record<Finding['outcome'], string>> = {
  missing: 'missing',
  corrupt: 'damaged',
  error: 'not readable',
};

const COLUMNS: readonly ColumnDef<Finding>[] = [
  {
    id: 'copy',
    header: 'Copy',
    cell: ({ row: { original: finding } }) => (
      <>
        <Link
          href={`/datasets/${finding.dataset_id}?tab=copies`}
          className="block truncate font-medium hover:text-accent"
        >
          {storeName(finding.provider)}, {finding.bucket}
        </Link>
        <code className="block truncate text-xs text-muted" title={finding.key}>
          {finding.key}
        </code>
      </>
    ),
  },
  {
    id: 'outcome',
    header: 'Found',
    cell: ({ row: { original: finding } }) => (
      <Badge tone={finding.outcome === 'error' ? 'warn' : 'bad'} title={finding.error_code ?? undefined}>
        {WORDS[finding.outcome]}
      </Badge>
    ),
    meta: { className: 'w-32' },
  },
  {
    id: 'at',
    header: 'When',
    cell: ({ row: { original: finding } }) => <Ago at={finding.at} />,
    meta: { align: 'right', from: 'sm', className: 'w-36 text-muted' },
  },
];

/** What the last scrubs found. The copies of a dataset tell whether it was made anew since. */
export function Findings({ findings }: { findings: readonly Finding[] }) {
  return (
    <section aria-label="Findings">
      <h2 className="mb-2 text-sm font-semibold">Found</h2>
      <DataTable
        label="Findings"
        rows={findings}
        columns={COLUMNS}
        rowKey={(finding) => `${finding.run_id} ${finding.bucket} ${finding.key}`}
      />
    </section>
  );
}
