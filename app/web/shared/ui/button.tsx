import clsx from 'clsx';
import type { AnchorHTMLAttributes, ButtonHTMLAttributes, ReactNode } from 'react';
import { Link } from 'wouter';

export type Look = 'primary' | 'plain' | 'quiet' | 'danger';

const LOOKS: Record<Look, string> = {
  primary: 'bg-accent text-accent-ink shadow-xs hover:bg-accent-strong',
  plain: 'border border-line bg-surface shadow-xs hover:border-line-strong hover:bg-sunken',
  quiet: 'text-muted hover:bg-sunken hover:text-ink',
  danger: 'border border-bad/40 bg-surface text-bad hover:bg-bad-soft',
};

const SHAPE =
  'inline-flex h-8 shrink-0 cursor-pointer items-center justify-center gap-1.5 rounded-md px-3 text-sm font-medium whitespace-nowrap transition-colors';

export function buttonClass(look: Look = 'plain', className?: string): string {
  return clsx(SHAPE, 'disabled:cursor-not-allowed disabled:opacity-50', LOOKS[look], className);
}

type ButtonProps = ButtonHTMLAttributes<HTMLButtonElement> & {
  look?: Look;
  ref?: React.Ref<HTMLButtonElement>;
};

/** Four looks: one primary action a view, plain for the rest, quiet inside rows, danger for what cannot be undone. */
export function Button({ look = 'plain', className, type = 'button', ...props }: ButtonProps) {
  return <button type={type} className={buttonClass(look, className)} {...props} />;
}

/** A place of the page that looks like a button. */
export function LinkButton({
  href,
  look,
  className,
  children,
}: {
  href: string;
  look?: Look;
  className?: string;
  children: ReactNode;
}) {
  return (
    <Link href={href} className={buttonClass(look, className)}>
      {children}
    </Link>
  );
}

/** An address outside the page's own router: a download, another site. */
export function AnchorButton({ look, className, ...props }: AnchorHTMLAttributes<HTMLAnchorElement> & { look?: Look }) {
  return <a className={buttonClass(look, className)} {...props} />;
}

/** A square with an icon. The label is its name for everybody. */
export function IconButton({ label, className, children, ...props }: ButtonProps & { label: string }) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      className={clsx(
        'inline-flex size-8 shrink-0 cursor-pointer items-center justify-center rounded-md text-muted transition-colors hover:bg-sunken hover:text-ink disabled:cursor-not-allowed disabled:opacity-50',
        className,
      )}
      {...props}
    >
      {children}
    </button>
  );
}
