import { useMemo } from 'react';
import { LineChart } from '../shared/charts/lazy-charts.tsx';
import { formatCount } from '../shared/format.ts';
import { Panel } from '../shared/ui/panel.tsx';
import { EmptyState, Loading } from '../shared/ui/states.tsx';
import { type MetricPoint, type Story, thinned } from './job-story.ts';

const MOST_CHARTS = 12;

/** What one looks at first stands first. */
function rank(name: string): number {
  if (/^(train_?)?loss/.test(name)) return 0;
  if (name.includes('loss')) return 1;
  return /accuracy|reward|score/.test(name) ? 2 : 3;
}

/** A chart a metric: their scales have nothing in common. */
export function JobMetrics({ story }: { story: Story | undefined }) {
  const metrics = useMemo(
    () => [...(story?.metrics ?? [])].sort(([a], [b]) => rank(a) - rank(b) || a.localeCompare(b)),
    [story],
  );
  if (story === undefined) return <Loading />;
  if (metrics.length === 0) {
    return (
      <EmptyState title="No metrics yet">
        Print a line of JSON with a number that has a telling name: <code>{'{"step": 3, "loss": 0.4}'}</code>. What
        Hugging Face’s Trainer prints is understood too.
      </EmptyState>
    );
  }
  return (
    <div className="flex flex-col gap-3">
      <div className="grid gap-4 lg:grid-cols-2">
        {metrics.slice(0, MOST_CHARTS).map(([name, points]) => (
          <Metric key={name} name={name} points={points} />
        ))}
      </div>
      {metrics.length > MOST_CHARTS && (
        <p className="text-xs text-muted">
          {metrics.length - MOST_CHARTS} more are not drawn; <code>longshore jobs metrics</code> prints them all.
        </p>
      )}
    </div>
  );
}

function Metric({ name, points }: { name: string; points: readonly MetricPoint[] }) {
  const drawn = useMemo(() => thinned(points).map(({ x, value }) => ({ x, value })), [points]);
  return (
    <Panel
      title={name.replaceAll('_', ' ')}
      description={`last ${short(points.at(-1)?.value ?? 0)}, ${formatCount(points.length)} points`}
    >
      <LineChart
        label={name}
        points={drawn}
        series={[{ key: 'value', name }]}
        formatX={(x) => formatCount(x)}
        formatY={short}
      />
    </Panel>
  );
}

/** Four digits say enough: 0.000051 -> 5.1e-5. */
function short(value: number): string {
  const size = Math.abs(value);
  return size !== 0 && (size < 0.001 || size >= 1e6)
    ? value.toExponential(1)
    : value.toLocaleString(undefined, { maximumSignificantDigits: 4 });
}
