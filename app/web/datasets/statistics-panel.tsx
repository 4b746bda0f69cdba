import type { ReactNode } from 'react';
import type { DatasetStatistics, Distribution } from '@/lib/ingest/types.ts';
import { BarChart } from '../shared/charts/lazy-charts.tsx';
import { formatCount } from '../shared/format.ts';
import { Meter } from '../shared/ui/meter.tsx';
import { Fact, Facts, Panel } from '../shared/ui/panel.tsx';
import { barsOf } from './histogram-bars.ts';

/** What the records look like as a whole. */
export function StatisticsPanel({ statistics }: { statistics: DatasetStatistics }) {
  const { estimated_tokens, duplicates, avg_input_length, avg_output_length } = statistics;
  return (
    <div className="flex flex-col gap-4">
      <Facts>
        <Fact term="Average input" detail="characters">
          {rounded(avg_input_length)}
        </Fact>
        <Fact term="Average output" detail="characters">
          {rounded(avg_output_length)}
        </Fact>
        <Fact term="Tokens" detail="estimated, all records">
          {formatCount(estimated_tokens.value)}
        </Fact>
        <Fact term="Duplicates" detail={duplicates.exact ? 'exact' : 'about'}>
          {formatCount(duplicates.count)}
        </Fact>
      </Facts>
      <div className="grid gap-4 lg:grid-cols-2">
        <Lengths title="Length of records" unit="characters" spread={statistics.total_length} />
        <Lengths title="Tokens of records, estimated" unit="tokens" spread={statistics.record_tokens} />
        <Lengths title="Length of inputs" unit="characters" spread={statistics.input_length} />
        <Lengths title="Length of outputs" unit="characters" spread={statistics.output_length} />
        <Lengths title="Turns" unit="messages" spread={statistics.turns} />
        <Shares title="Roles" counts={statistics.roles} />
        <Shares title="Labels" counts={statistics.labels} />
        <With statistics={statistics} />
      </div>
    </div>
  );
}

function rounded(value: number | null): string {
  return value === null ? '–' : formatCount(Math.round(value));
}

function Lengths({ title, unit, spread }: { title: string; unit: string; spread: Distribution | null }) {
  if (spread === null) return null;
  const marks: [string, number][] = [
    ['Shortest', spread.min],
    ['Median', spread.p50],
    ['95 %', spread.p95],
    ['Longest', spread.max],
  ];
  return (
    <Panel title={title} description={`in ${unit}`}>
      <BarChart label={title} unit="Records" bars={barsOf(spread)} />
      <dl className="mt-3 grid grid-cols-4 gap-2 border-t border-line pt-3">
        {marks.map(([name, value]) => (
          <div key={name} className="min-w-0">
            <dt className="text-xs text-muted">{name}</dt>
            <dd className="tabular truncate text-sm font-medium">{formatCount(Math.round(value))}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}

const MOST_SHARES = 12;

function Shares({ title, counts }: { title: string; counts: Readonly<Record<string, number>> }) {
  const sorted = Object.entries(counts).sort(([, a], [, b]) => b - a);
  if (sorted.length === 0) return null;
  const total = sorted.reduce((sum, [, count]) => sum + count, 0);
  const rest = sorted.length - MOST_SHARES;
  return (
    <Panel title={title} description={`${formatCount(total)} in all`}>
      <ShareList>
        {sorted.slice(0, MOST_SHARES).map(([name, count]) => (
          <Share key={name} name={name} count={count} total={total} />
        ))}
      </ShareList>
      {rest > 0 && <p className="mt-2 text-xs text-muted">and {formatCount(rest)} rarer ones</p>}
    </Panel>
  );
}

function With({ statistics: { records_with, total_examples } }: { statistics: DatasetStatistics }) {
  const rows = Object.entries(records_with).filter(([, count]) => count > 0);
  if (rows.length === 0) return null;
  return (
    <Panel title="Records with" description={`of ${formatCount(total_examples)}`}>
      <ShareList>
        {rows.map(([name, count]) => (
          <Share key={name} name={name === 'system' ? 'system message' : name} count={count} total={total_examples} />
        ))}
      </ShareList>
    </Panel>
  );
}

function ShareList({ children }: { children: ReactNode }) {
  return <ul className="flex flex-col gap-2.5 text-sm">{children}</ul>;
}

function Share({ name, count, total }: { name: string; count: number; total: number }) {
  const percent = total === 0 ? 0 : (count / total) * 100;
  return (
    <li>
      <p className="mb-1 flex justify-between gap-3">
        <code className="truncate text-xs" title={name}>
          {name}
        </code>
        <span className="tabular shrink-0 text-xs text-muted">
          {formatCount(count)}{' '}
          <span className="inline-block w-12 text-right">{percent.toFixed(percent < 10 ? 1 : 0)} %</span>
        </span>
      </p>
      <Meter label={name} value={percent / 100} />
    </li>
  );
}
