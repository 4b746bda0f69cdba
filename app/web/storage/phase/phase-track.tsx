import clsx from 'clsx';
import { Check } from 'lucide-react';
import { formatAgo, formatMoment } from '../../shared/format.ts';
import { PHASE_ORDER, PHASES, type PhaseName } from '../words.ts';

/** The four phases in their order, and where the installation stands. */
export function PhaseTrack({ phase, since }: { phase: PhaseName; since: string }) {
  const here = PHASE_ORDER.indexOf(phase);
  return (
    <ol className="grid gap-x-2 gap-y-3 sm:grid-cols-4">
      {PHASE_ORDER.map((name, index) => (
        <li
          key={name}
          aria-current={index === here ? 'step' : undefined}
          title={PHASES[name].means}
          className="flex min-w-0 items-center gap-2.5 sm:flex-col sm:items-stretch"
        >
          <span
            aria-hidden
            className={clsx('h-9 w-1 shrink-0 rounded-full sm:h-1 sm:w-full', index <= here ? 'bg-accent' : 'bg-line')}
          />
          <span className="min-w-0 text-sm">
            <span
              className={clsx(
                'flex items-center gap-1.5',
                index === here ? 'font-semibold text-accent' : 'font-medium',
                index > here && 'text-muted',
              )}
            >
              {index < here && <Check className="size-3.5 text-accent" aria-hidden />}
              {PHASES[name].title}
            </span>
            <span className="block text-xs text-muted" title={index === here ? formatMoment(since) : undefined}>
              {index === here ? `entered ${formatAgo(since)}` : <code>{name}</code>}
            </span>
          </span>
        </li>
      ))}
    </ol>
  );
}
