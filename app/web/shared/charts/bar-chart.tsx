import { Bar, BarChart as Chart, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';
import { formatCount } from '../format.ts';
import { ChartTable } from './chart-table.tsx';
import { CHART_HEIGHT } from './lazy-charts.tsx';
import { AXIS, TICK, TipBox } from './tip-box.tsx';

export interface BarChartProps {
  /** What is counted, for screen readers. */
  label: string;
  bars: readonly { name: string; value: number }[];
  /** Above the count in the box beside the pointer. */
  unit: string;
}

export default function BarChart({ label, bars, unit }: BarChartProps) {
  return (
    <figure className="m-0">
      <div aria-hidden className="[&_*]:outline-none">
        <ResponsiveContainer width="100%" height={CHART_HEIGHT}>
          <Chart
            data={[...bars]}
            margin={{ top: 4, right: 4, bottom: 0, left: 0 }}
            barCategoryGap={1}
            accessibilityLayer={false}
          >
            <XAxis
              dataKey="name"
              tick={TICK}
              stroke={AXIS}
              tickLine={false}
              interval="equidistantPreserveStart"
              minTickGap={12}
            />
            <YAxis tick={TICK} stroke="none" width={44} tickFormatter={short} allowDecimals={false} />
            <Tooltip
              cursor={{ fill: 'var(--line)', opacity: 0.5 }}
              isAnimationActive={false}
              content={({ active, payload, label: name }) =>
                active === true && (
                  <TipBox title={`${name}`} lines={[[unit, formatCount(Number(payload?.[0]?.value ?? 0))]]} />
                )
              }
            />
            <Bar dataKey="value" fill="var(--accent)" radius={[2, 2, 0, 0]} isAnimationActive={false} />
          </Chart>
        </ResponsiveContainer>
      </div>
      <ChartTable
        label={label}
        heads={['Range', unit]}
        rows={bars.map(({ name, value }) => [name, formatCount(value)])}
      />
    </figure>
  );
}

function short(value: number): string {
  return Intl.NumberFormat('en', { notation: 'compact' }).format(value);
}
