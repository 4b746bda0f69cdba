import { ChevronLeft } from 'lucide-react';
import { type ReactNode, useEffect, useRef } from 'react';
import { Link } from 'wouter';
import { useArrival } from '../shell/arrival.ts';

export interface PageHeaderProps {
  title: string;
  description?: ReactNode;
  /** One level up. */
  back?: { href: string; label: string };
  actions?: ReactNode;
  /** Beside the title: a state in a word. */
  badge?: ReactNode;
}

/**
 * The head of every screen. Names the document, and after a move from another screen takes the focus, so that a screen
 * reader reads where one has come to.
 */
export function PageHeader({ title, description, back, actions, badge }: PageHeaderProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  const takeFocus = useArrival();
  useEffect(() => {
    document.title = `${title} · Longshore`;
  }, [title]);
  useEffect(() => takeFocus(heading.current), [takeFocus]);
  return (
    <header className="flex flex-wrap items-start justify-between gap-x-6 gap-y-3">
      <div className="min-w-0 flex-1 basis-64">
        {back !== undefined && (
          <Link href={back.href} className="mb-1 -ml-1 inline-flex items-center text-sm text-muted hover:text-accent">
            <ChevronLeft className="size-4" aria-hidden />
            {back.label}
          </Link>
        )}
        <div className="flex min-w-0 flex-wrap items-center gap-x-2.5 gap-y-1">
          <h1
            ref={heading}
            tabIndex={-1}
            title={title}
            className="min-w-0 text-xl max-sm:break-words sm:truncate font-semibold tracking-tight outline-none"
          >
            {title}
          </h1>
          {badge}
        </div>
        {description !== undefined && <div className="mt-1 max-w-3xl text-sm text-muted">{description}</div>}
      </div>
      {actions !== undefined && <div className="flex flex-wrap gap-2">{actions}</div>}
    </header>
  );
}
