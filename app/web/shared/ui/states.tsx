import type { ReactNode } from 'react';
import { ApiProblem } from '../api/client.ts';
import { Button } from './button.tsx';

/** Nothing here yet: what this place is for, and the way to fill it. */
export function EmptyState({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="flex flex-col items-center gap-2 rounded-lg border border-dashed border-line px-6 py-14 text-center">
      <h2 className="text-base font-semibold">{title}</h2>
      <div className="max-w-md text-sm text-muted">{children}</div>
      {action !== undefined && <div className="mt-3">{action}</div>}
    </div>
  );
}

/** What went wrong, what to do about it, and the id to quote. */
export function ErrorState({ error, retry }: { error: unknown; retry?: () => void }) {
  const problem = error instanceof ApiProblem ? error.problem : undefined;
  return (
    <div role="alert" className="rounded-lg border border-bad/30 bg-bad-soft px-4 py-3 text-sm">
      <p className="font-medium text-bad">{problem?.detail ?? 'Something went wrong in this page.'}</p>
      {problem?.hint !== undefined && <p className="mt-1 text-ink">{problem.hint}</p>}
      <div className="mt-2 flex items-center gap-3 text-xs text-muted">
        {retry !== undefined && (
          <Button className="h-7" onClick={retry}>
            Try again
          </Button>
        )}
        {problem?.code !== undefined && <code>{problem.code}</code>}
        {problem?.request_id !== undefined && <code>request {problem.request_id}</code>}
      </div>
    </div>
  );
}

/** Grey bars where text will be, announced once to screen readers. */
export function Loading({ rows = 5 }: { rows?: number }) {
  return (
    <div role="status" aria-label="Loading" className="flex flex-col gap-3 py-2">
      {Array.from({ length: rows }, (_, row) => `row-${row}`).map((key) => (
        <div key={key} className="h-9 animate-pulse rounded-md bg-sunken" />
      ))}
    </div>
  );
}
