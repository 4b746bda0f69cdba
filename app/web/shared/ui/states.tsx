import type { ReactNode } from 'react';
import { ApiProblem } from '../api/client.ts';
import { Button } from './button.tsx';

/** Nothing here yet: what this place is for, and the way to fill it. */
export function EmptyState({
  title,
  icon,
  children,
  action,
}: {
  title: string;
  icon?: ReactNode;
  children?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className="flex flex-col items-center gap-1.5 rounded-lg border border-dashed border-line-strong px-6 py-12 text-center">
      {icon !== undefined && <div className="mb-1 text-muted">{icon}</div>}
      <p className="text-sm font-semibold">{title}</p>
      <div className="w-full max-w-md min-w-0 text-sm text-muted">{children}</div>
      {action !== undefined && <div className="mt-3">{action}</div>}
    </div>
  );
}

/** What went wrong, what to do about it, and the id to quote. */
export function ErrorState({ error, retry }: { error: unknown; retry?: () => void }) {
  const problem = error instanceof ApiProblem ? error.problem : undefined;
  const quoted = [problem?.code, problem?.request_id === undefined ? undefined : `request ${problem.request_id}`];
  return (
    <div role="alert" className="rounded-lg border border-bad/30 bg-bad-soft px-4 py-3 text-sm">
      <p className="font-medium text-bad">{problem?.detail ?? 'Something went wrong in this page.'}</p>
      {problem?.hint !== undefined && <p className="mt-1 text-ink">{problem.hint}</p>}
      {(retry !== undefined || problem !== undefined) && (
        <div className="mt-2 flex flex-wrap items-center gap-x-3 gap-y-1 text-xs text-muted">
          {retry !== undefined && (
            <Button className="h-7" onClick={retry}>
              Try again
            </Button>
          )}
          {quoted.filter(Boolean).map((text) => (
            <code key={text} className="break-all">
              {text}
            </code>
          ))}
        </div>
      )}
    </div>
  );
}

/** Grey bars where rows will be, announced once to screen readers. */
export function Loading({ rows = 5, label = 'Loading' }: { rows?: number; label?: string }) {
  return (
    <div role="status" aria-label={label} className="flex flex-col gap-2.5">
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} className="h-9 animate-pulse rounded-md bg-line/60" />
      ))}
    </div>
  );
}

/** The shape of a screen before its code or data is there. */
export function ScreenSkeleton() {
  return (
    <div role="status" aria-label="Loading" className="flex flex-col gap-5">
      <div className="h-7 w-48 animate-pulse rounded-md bg-line/60" />
      <div className="h-20 animate-pulse rounded-lg bg-line/60" />
      <div className="h-64 animate-pulse rounded-lg bg-line/60" />
    </div>
  );
}

/** What should be known before acting: neither an error nor decoration. */
export function Note({ tone = 'neutral', children }: { tone?: 'neutral' | 'warn' | 'good'; children: ReactNode }) {
  const look = {
    neutral: 'border-line bg-sunken text-muted',
    warn: 'border-warn/30 bg-warn-soft text-warn',
    good: 'border-good/30 bg-good-soft text-good',
  }[tone];
  return <div className={`rounded-md border px-3 py-2 text-sm ${look}`}>{children}</div>;
}
