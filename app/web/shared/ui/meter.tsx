import clsx from 'clsx';

/** How far something is. `value` from 0 to 1; undefined: it runs, and nobody knows how long. */
export function Meter({
  label,
  value,
  tone = 'accent',
  className,
}: {
  label: string;
  value: number | undefined;
  tone?: 'accent' | 'good' | 'warn' | 'bad';
  className?: string;
}) {
  const percent = value === undefined ? undefined : Math.round(Math.min(1, Math.max(0, value)) * 1000) / 10;
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
      className={clsx('h-1.5 overflow-hidden rounded-full bg-line', className)}
    >
      <div
        className={clsx(
          'h-full rounded-full transition-[width] duration-300',
          { accent: 'bg-accent', good: 'bg-good', warn: 'bg-warn', bad: 'bg-bad' }[tone],
          percent === undefined && 'w-1/3 animate-[slide_1.4s_ease-in-out_infinite]',
        )}
        style={percent === undefined ? undefined : { width: `${percent}%` }}
      />
    </div>
  );
}
