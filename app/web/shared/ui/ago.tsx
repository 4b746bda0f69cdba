import clsx from 'clsx';
import { formatAgo, formatMoment } from '../format.ts';

/** "3 hours ago", with the exact moment beside the pointer. */
export function Ago({ at, className }: { at: string | null | undefined; className?: string }) {
  return (
    <span className={clsx('whitespace-nowrap', className)} title={formatMoment(at)}>
      {formatAgo(at)}
    </span>
  );
}
