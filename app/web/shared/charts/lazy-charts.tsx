import { type ComponentProps, lazy, Suspense } from 'react';

/** The chart library is a third of the page's code: it is loaded when the first chart is drawn. */
const Bars = lazy(() => import('./bar-chart.tsx'));
const Lines = lazy(() => import('./line-chart.tsx'));

export const CHART_HEIGHT = 176;

function Space() {
  return (
    <div
      role="status"
      aria-label="Loading"
      className="animate-pulse rounded-md bg-line/40"
      style={{ height: CHART_HEIGHT }}
    />
  );
}

/** Counts by bucket: a histogram, or named bars. */
export function BarChart(props: ComponentProps<typeof Bars>) {
  return (
    <Suspense fallback={<Space />}>
      <Bars {...props} />
    </Suspense>
  );
}

/** One or more series over a common x. */
export function LineChart(props: ComponentProps<typeof Lines>) {
  return (
    <Suspense fallback={<Space />}>
      <Lines {...props} />
    </Suspense>
  );
}
