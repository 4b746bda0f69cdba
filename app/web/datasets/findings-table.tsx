import type { ColumnDef } from '@tanstack/react-table';
import { Download } from 'lucide-react';
import { useMemo } from 'react';
import type { FileFinding } from '../shared/api/types.ts';
import { formatCount } from '../shared/format.ts';
import { AnchorButton } from '../shared/ui/button.tsx';
import { CopyButton } from '../shared/ui/copy.tsx';
import { DataTable } from '../shared/ui/data-table.tsx';

const HEADS = ['line', 'record', 'path', 'code', 'message', 'hint', 'excerpt'] as const;

export interface FindingsTableProps {
  findings: readonly FileFinding[];
  /** All that were found, where not all are listed. */
  total?: number;
  /** Of the file, for the name of the download. */
  name: string;
}

/** What is wrong with a file: where, what, how to mend it. Can be taken away as a table. */
export function FindingsTable({ findings, total = findings.length, name }: FindingsTableProps) {
  const columns = useMemo(findingColumns, []);
  const text = () => tableText(findings);
  const listed =
    total > findings.length ? `${formatCount(findings.length)} of ${formatCount(total)}` : formatCount(total);
  return (
    <div className="flex min-w-0 flex-col gap-2">
      <div className="flex flex-wrap items-center justify-between gap-2">
        <p className="tabular text-sm font-medium">
          {listed} {total === 1 ? 'finding' : 'findings'}
        </p>
        <span className="flex gap-1">
          <CopyButton text={text} />
          <AnchorButton
            look="quiet"
            className="h-7 px-2"
            download={`${name}.findings.tsv`}
            href={`data:text/tab-separated-values;charset=utf-8,${encodeURIComponent(text())}`}
          >
            <Download className="size-3.5" aria-hidden /> Download
          </AnchorButton>
        </span>
      </div>
      <DataTable label="Findings" rows={findings} columns={columns} rowKey={keyOf} />
    </div>
  );
}

function keyOf(finding: FileFinding): string {
  return [finding.line, finding.record, finding.path, finding.code, finding.message].join('|');
}

/** Tabs and line ends inside a field would break the table. */
function tableText(findings: readonly FileFinding[]): string {
  const cell = (value: unknown) => String(value ?? '').replaceAll(/[\t\r\n]+/g, ' ');
  const rows = findings.map((finding) => HEADS.map((head) => cell(finding[head])).join('\t'));
  return `${[HEADS.join('\t'), ...rows].join('\n')}\n`;
}

function findingColumns(): ColumnDef<FileFinding>[] {
  return [
    {
      id: 'line',
      header: 'Line',
      cell: ({ row: { original: one } }) => (
        <span className="text-muted" title={one.record === null ? undefined : `record ${formatCount(one.record)}`}>
          {one.line ?? one.record ?? '–'}
        </span>
      ),
      meta: { align: 'right', className: 'w-16 align-top' },
    },
    {
      id: 'path',
      header: 'Where',
      cell: ({ row: { original: one } }) => <code className="text-xs break-all">{one.path ?? 'file'}</code>,
      meta: { from: 'md', className: 'w-52 align-top' },
    },
    {
      id: 'message',
      header: 'What, and how to mend it',
      cell: ({ row: { original: one } }) => <What finding={one} />,
    },
  ];
}

function What({ finding: { path, code, message, hint, excerpt } }: { finding: FileFinding }) {
  return (
    <div className="flex min-w-0 flex-col gap-0.5">
      <span className="break-words">{message}</span>
      {hint !== null && <span className="break-words text-muted">{hint}</span>}
      {excerpt !== null && excerpt !== undefined && excerpt !== '' && (
        <code className="mt-0.5 block truncate rounded bg-sunken px-1.5 py-0.5 text-xs" title={excerpt}>
          {excerpt}
        </code>
      )}
      <span className="flex flex-wrap gap-x-2 text-xs text-muted">
        <code>{code}</code>
        {path !== null && <code className="break-all md:hidden">{path}</code>}
      </span>
    </div>
  );
}
