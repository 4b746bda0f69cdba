import { CartesianGrid, LineChart as Chart, Line, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';
import { ChartTable } from './chart-table.tsx';
import { CHART_HEIGHT } from './lazy-charts.tsx';
import { AXIS, TICK, TipBox } from './tip-box.tsx';

export interface LineChartProps {
  label: string;
  /** Ascending in x. A series may lack points. */
  points: readonly ({ x: number } & Readonly<Record<string, number>>)[];
  /** At most four: more cannot be told apart. */
  series: readonly { key: string; name: string }[];
  formatX?: (x: number) => string;
  formatY?: (y: number) => string;
}

/** One accent colour: further series differ by dashes and by grey. */
const STROKES = [
  { stroke: 'var(--accent)' },
  { stroke: 'var(--muted)' },
  { stroke: 'var(--accent)', strokeDasharray: '5 3' },
  { stroke: 'var(--muted)', strokeDasharray: '5 3' },
];
/** Rows of the table for screen readers: more would not be listened to. */
const MOST_ROWS = 50;

export default function LineChart({ label, points, series, formatX = String, formatY = String }: LineChartProps) {
  const rows = points
    .slice(-MOST_ROWS)
    .map((point) => [formatX(point.x), ...series.map(({ key }) => show(point[key], formatY))]);
  return (
    <figure className="m-0">
      <div aria-hidden className="[&_*]:outline-none">
        <ResponsiveContainer width="100%" height={CHART_HEIGHT}>
          <Chart data={[...points]} margin={{ top: 4, right: 8, bottom: 0, left: 0 }} accessibilityLayer={false}>
            <CartesianGrid vertical={false} stroke="var(--line)" />
            <XAxis
              dataKey="x"
              type="number"
              domain={['dataMin', 'dataMax']}
              tick={TICK}
              stroke={AXIS}
              tickLine={false}
              tickFormatter={formatX}
              minTickGap={32}
            />
            <YAxis tick={TICK} stroke="none" width={52} tickFormatter={formatY} domain={['auto', 'auto']} />
            <Tooltip
              isAnimationActive={false}
              content={({ active, payload, label: x }) =>
                active === true && (
                  <TipBox
                    title={formatX(Number(x))}
                    lines={series.map(({ key, name }) => [name, show(payload?.[0]?.payload?.[key], formatY)] as const)}
                  />
                )
              }
            />
            {series.map(({ key, name }, index) => (
              <Line
                key={key}
                dataKey={key}
                name={name}
                {...STROKES[index % STROKES.length]}
                strokeWidth={1.75}
                dot={false}
                isAnimationActive={false}
                connectNulls
              />
            ))}
          </Chart>
        </ResponsiveContainer>
      </div>
      {series.length > 1 && <Legend names={series.map(({ name }) => name)} />}
      <ChartTable label={label} heads={['x', ...series.map(({ name }) => name)]} rows={rows} />
    </figure>
  );
}

function Legend({ names }: { names: readonly string[] }) {
  return (
    <ul aria-hidden className="mt-2 flex flex-wrap gap-x-4 gap-y-1 text-xs text-muted">
      {names.map((name, index) => (
        <li key={name} className="flex min-w-0 items-center gap-1.5">
          <svg width="18" height="4" className="shrink-0">
            <title>{name}</title>
            <line x1="0" y1="2" x2="18" y2="2" strokeWidth="2" {...STROKES[index % STROKES.length]} />
          </svg>
          <span className="truncate">{name}</span>
        </li>
      ))}
    </ul>
  );
}

function show(value: number | undefined, format: (y: number) => string): string {
  return value === undefined ? '–' : format(value);
}
