import { useQuery } from '@tanstack/react-query';
import type { DatasetStatistics, IngestReport } from '@/lib/ingest/types.ts';
import { ApiProblem, api } from '../shared/api/client.ts';
import type { Dataset } from '../shared/api/types.ts';
import { formatBytes, formatCount } from '../shared/format.ts';
import { EmptyState, ErrorState, Loading } from '../shared/ui/states.tsx';
import { FindingsTable } from './findings-table.tsx';

export function ReportPanel({ dataset }: { dataset: Dataset }) {
  const found = useQuery({
    queryKey: ['report', dataset.id],
    queryFn: ({ signal }) =>
      api<{ report: IngestReport }>(`/api/training/dataset/${dataset.id}/report`, { signal }).then(
        (answer) => answer.report,
      ),
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (found.isPending) return <Loading />;
  if (found.isError)
    return found.error instanceof ApiProblem && found.error.problem.status === 404 ? (
      <NoReport />
    ) : (
      <ErrorState error={found.error} />
    );
  const report = found.data;
  return (
    <div className="flex flex-col gap-5">
      <p className="text-sm text-muted">
        {formatCount(report.records.source)} source records in {formatBytes(report.source.size_bytes)} (
        {report.container.map((step) => step.type).join(' → ')}), {formatCount(report.records.written)} written,{' '}
        {formatCount(report.records.rejected)} rejected.
      </p>
      {report.statistics !== null && <Statistics statistics={report.statistics} />}
      {report.findings.length > 0 ? (
        <FindingsTable findings={report.findings} />
      ) : (
        <p className="text-sm text-good">Nothing to remark: every record is as it should be.</p>
      )}
    </div>
  );
}

function NoReport() {
  return (
    <EmptyState title="No report yet">
      This dataset was stored before reports were kept. It is made in the background.
    </EmptyState>
  );
}

function Statistics({ statistics }: { statistics: DatasetStatistics }) {
  const tiles: [string, string][] = [
    ['Average input', `${formatCount(Math.round(statistics.avg_input_length ?? 0))} characters`],
    ['Average output', `${formatCount(Math.round(statistics.avg_output_length ?? 0))} characters`],
    ['Tokens (estimate)', formatCount(statistics.estimated_tokens.value)],
    ['Duplicates', formatCount(statistics.duplicates.count)],
  ];
  return (
    <>
      <dl className="grid grid-cols-2 gap-3 lg:grid-cols-4">
        {tiles.map(([term, value]) => (
          <div key={term} className="rounded-lg border border-line bg-surface px-4 py-3">
            <dt className="text-xs text-muted">{term}</dt>
            <dd className="tabular mt-0.5 text-sm font-medium">{value}</dd>
          </div>
        ))}
      </dl>
      {statistics.total_length !== null && <LengthTable statistics={statistics} />}
    </>
  );
}

function LengthTable({ statistics }: { statistics: DatasetStatistics }) {
  const rows = [
    ['Input', statistics.input_length],
    ['Output', statistics.output_length],
    ['Total', statistics.total_length],
    ['Turns', statistics.turns],
  ] as const;
  return (
    <div className="overflow-x-auto rounded-lg border border-line bg-surface">
      <table className="tabular w-full text-right text-sm">
        <thead className="text-xs text-muted">
          <tr>
            <th className="px-4 py-2 text-left font-medium">Length in characters</th>
            {['Shortest', 'Median', '95 %', 'Longest'].map((title) => (
              <th key={title} className="px-4 py-2 font-medium">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(
            ([label, spread]) =>
              spread !== null && (
                <tr key={label} className="border-t border-line">
                  <td className="px-4 py-1.5 text-left">{label}</td>
                  {[spread.min, spread.p50, spread.p95, spread.max].map((value, column) => (
                    <td key={column} className="px-4 py-1.5">
                      {formatCount(Math.round(value))}
                    </td>
                  ))}
                </tr>
              ),
          )}
        </tbody>
      </table>
    </div>
  );
}
