import type { UseQueryResult } from '@tanstack/react-query';
import { CircleCheck, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import type { IngestReport, TargetVerdict } from '@/lib/ingest/types.ts';
import { ApiProblem } from '../shared/api/client.ts';
import type { Dataset } from '../shared/api/types.ts';
import { formatBytes, formatCount } from '../shared/format.ts';
import { Badge } from '../shared/ui/badge.tsx';
import { Panel, Row, Rows } from '../shared/ui/panel.tsx';
import { EmptyState, ErrorState, Loading } from '../shared/ui/states.tsx';
import { FindingsTable } from './findings-table.tsx';
import { useReport } from './report-query.ts';
import { StatisticsPanel } from './statistics-panel.tsx';

/** How the file was read, what was found in it, and who would take it. */
export function ReportPanel({ dataset }: { dataset: Dataset }) {
  return (
    <WithReport report={useReport(dataset.id)}>
      {(report) => (
        <div className="flex flex-col gap-4">
          <div className="grid items-start gap-4 lg:grid-cols-2">
            <Reading report={report} />
            {report.targets !== undefined && <Targets targets={report.targets} />}
          </div>
          {report.findings.length > 0 ? (
            <FindingsTable findings={report.findings} total={findingsIn(report)} name={dataset.name} />
          ) : (
            <p className="flex items-center gap-2 rounded-lg border border-line bg-surface px-4 py-3 text-sm">
              <CircleCheck className="size-4 text-good" aria-hidden /> Nothing to remark: every record is as it should
              be.
            </p>
          )}
        </div>
      )}
    </WithReport>
  );
}

export function StatisticsTab({ dataset }: { dataset: Dataset }) {
  return (
    <WithReport report={useReport(dataset.id)}>
      {({ statistics }) => (statistics === null ? <NoReport /> : <StatisticsPanel statistics={statistics} />)}
    </WithReport>
  );
}

function WithReport({
  report,
  children,
}: {
  report: UseQueryResult<IngestReport>;
  children: (report: IngestReport) => ReactNode;
}) {
  if (report.isPending) return <Loading />;
  if (report.isSuccess) return children(report.data);
  const missing = report.error instanceof ApiProblem && report.error.problem.status === 404;
  return missing ? <NoReport /> : <ErrorState error={report.error} retry={() => void report.refetch()} />;
}

function NoReport() {
  return (
    <EmptyState title="No report yet">
      This dataset was stored before reports were kept. It is made in the background.
    </EmptyState>
  );
}

function findingsIn({ counts }: IngestReport): number {
  return Object.values(counts).reduce((sum, { count }) => sum + count, 0);
}

function Reading({ report }: { report: IngestReport }) {
  const { records, source, container, source_formats } = report;
  return (
    <Panel title="How it was read">
      <Rows>
        {source.name !== null && <Row term="File">{source.name}</Row>}
        <Row term="Size">{formatBytes(source.size_bytes)}</Row>
        <Row term="Container">{container.map((step) => step.type.replaceAll('_', ' ')).join(' → ')}</Row>
        <Row term="Format">
          {source_formats.map(({ format, records: count }) => `${format} (${formatCount(count)})`).join(', ') || '–'}
        </Row>
        <Row term="Records read">{formatCount(records.source)}</Row>
        <Row term="Written">{formatCount(records.written)}</Row>
        <Row term="Rejected">{formatCount(records.rejected)}</Row>
      </Rows>
    </Panel>
  );
}

/** Names as their owners write them. */
const TARGET_NAMES: Record<TargetVerdict['target'], string> = {
  openai: 'OpenAI',
  azure: 'Azure OpenAI',
  together: 'Together',
  fireworks: 'Fireworks',
  mistral: 'Mistral',
  'bedrock-claude': 'Bedrock, Claude',
  nova: 'Bedrock, Nova',
  vertex: 'Vertex AI',
  trl: 'TRL',
  llamafactory: 'LLaMA-Factory',
  axolotl: 'Axolotl',
  torchtune: 'torchtune',
};

function Targets({ targets }: { targets: readonly TargetVerdict[] }) {
  return (
    <Panel title="Who would take it" description="As it is stored, by each target’s own rules">
      <ul className="grid gap-x-6 gap-y-1.5 text-sm sm:grid-cols-2">
        {targets.map(({ target, accepted, refuses, warns }) => {
          const reasons = [...refuses, ...warns].map(({ code, count }) => `${code} (${formatCount(count)})`).join(', ');
          return (
            <li key={target} className="flex items-center justify-between gap-2" title={reasons}>
              <span className="truncate">{TARGET_NAMES[target]}</span>
              <Badge tone={accepted ? (warns.length > 0 ? 'warn' : 'good') : 'bad'}>
                {accepted && warns.length > 0 && <TriangleAlert className="size-3" aria-hidden />}
                {accepted ? (warns.length > 0 ? `takes it, ${warns.length} to know` : 'takes it') : 'refuses it'}
              </Badge>
            </li>
          );
        })}
      </ul>
    </Panel>
  );
}
