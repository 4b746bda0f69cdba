import clsx from 'clsx';
import { type ReactNode, useId } from 'react';

/** A titled box of a screen. `flush`: its content reaches the edges, as tables do. */
export function Panel({
  title,
  description,
  actions,
  flush = false,
  className,
  children,
}: {
  title?: string;
  description?: ReactNode;
  actions?: ReactNode;
  flush?: boolean;
  className?: string;
  children: ReactNode;
}) {
  const id = useId();
  return (
    <section
      aria-labelledby={title === undefined ? undefined : id}
      className={clsx('min-w-0 rounded-lg border border-line bg-surface', className)}
    >
      {title !== undefined && (
        <header className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 border-b border-line px-4 py-3">
          <div className="min-w-0">
            <h2 id={id} className="text-sm font-semibold">
              {title}
            </h2>
            {description !== undefined && <p className="mt-0.5 text-xs text-muted">{description}</p>}
          </div>
          {actions !== undefined && <div className="flex flex-wrap gap-2">{actions}</div>}
        </header>
      )}
      <div className={flush ? 'overflow-hidden rounded-b-lg' : 'p-4'}>{children}</div>
    </section>
  );
}

/** Numbers or words with their names, side by side. */
export function Facts({ children, columns = 4 }: { children: ReactNode; columns?: 3 | 4 | 5 }) {
  return (
    <dl
      className={clsx(
        'grid grid-cols-2 gap-px overflow-hidden rounded-lg border border-line bg-surface sm:grid-cols-3',
        { 3: 'lg:grid-cols-3', 4: 'lg:grid-cols-4', 5: 'lg:grid-cols-5' }[columns],
      )}
    >
      {children}
    </dl>
  );
}

export function Fact({
  term,
  detail,
  title,
  children,
}: {
  term: string;
  detail?: ReactNode;
  title?: string;
  children: ReactNode;
}) {
  return (
    <div className="min-w-0 px-4 py-3 shadow-[0_0_0_1px_var(--line)]" title={title}>
      <dt className="text-xs text-muted">{term}</dt>
      <dd className="tabular mt-0.5 truncate text-base font-semibold">{children}</dd>
      {detail !== undefined && <dd className="tabular truncate text-xs text-muted">{detail}</dd>}
    </div>
  );
}

/** Name and value on one line each. */
export function Rows({ children }: { children: ReactNode }) {
  return <dl className="divide-y divide-line text-sm">{children}</dl>;
}

export function Row({ term, children }: { term: string; children: ReactNode }) {
  return (
    <div className="flex flex-wrap justify-between gap-x-6 gap-y-0.5 py-2 first:pt-0 last:pb-0">
      <dt className="text-muted">{term}</dt>
      <dd className="tabular min-w-0 text-right break-words">{children}</dd>
    </div>
  );
}
