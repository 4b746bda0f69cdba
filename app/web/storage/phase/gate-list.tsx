import { CircleCheck, CircleDashed } from 'lucide-react';
import { Link } from 'wouter';
import type { PhaseState } from '../../shared/api/types.ts';
import { formatCount } from '../../shared/format.ts';
import { Meter } from '../../shared/ui/meter.tsx';

export type Gate = NonNullable<PhaseState['next']>['gates'][number];

/** The conditions of a phase, each with what there is, what is needed, who is in the way, and what helps. */
export function GateList({ gates }: { gates: readonly Gate[] }) {
  return (
    <ul className="divide-y divide-line">
      {gates.map((gate) => (
        <GateItem key={gate.code} gate={gate} />
      ))}
    </ul>
  );
}

function GateItem({ gate }: { gate: Gate }) {
  const Icon = gate.ok ? CircleCheck : CircleDashed;
  return (
    <li className="flex gap-3 px-4 py-3">
      <Icon className={`mt-0.5 size-4 shrink-0 ${gate.ok ? 'text-good' : 'text-warn'}`} aria-hidden />
      <div className="flex min-w-0 flex-1 flex-col gap-2 text-sm">
        <div className="flex flex-wrap items-baseline justify-between gap-x-4 gap-y-0.5">
          <p className="min-w-0 flex-1 basis-56 font-medium">{gate.title}</p>
          <p className="tabular text-muted">
            <span className="sr-only">{gate.ok ? 'Open: ' : 'Closed: '}</span>
            <span className="font-medium text-ink">{formatCount(gate.have)}</span> of {formatCount(gate.need)}{' '}
            {gate.unit}
          </p>
        </div>
        {!gate.ok && gate.need > 1 && <Meter label={gate.title} value={gate.have / gate.need} tone="warn" />}
        {gate.blockers.length > 0 && <Blockers gate={gate} />}
        {gate.remedy !== null && <Remedy gate={gate} />}
      </div>
    </li>
  );
}

function Blockers({ gate }: { gate: Gate }) {
  return (
    <ul
      aria-label="In the way"
      className="max-h-56 divide-y divide-line overflow-y-auto rounded-md border border-line bg-sunken"
    >
      {gate.blockers.map(({ id, name, reason }) => (
        <li key={id} className="flex flex-wrap justify-between gap-x-4 px-3 py-1.5 text-xs">
          {gate.unit === 'datasets' ? (
            <Link href={`/datasets/${id}?tab=copies`} className="min-w-0 truncate font-medium hover:text-accent">
              {name}
            </Link>
          ) : (
            <span className="min-w-0 truncate font-medium" title={id}>
              {name}
            </span>
          )}
          <span className="text-muted">{reason}</span>
        </li>
      ))}
    </ul>
  );
}

/** Where in this page the remedy of a gate is found. */
const HERE: Readonly<Record<string, { href: string; label: string }>> = {
  bucket_works: { href: '/secrets?provider=aws', label: 'Set up a bucket' },
  users_have_buckets: { href: '/secrets?provider=aws', label: 'Set up a bucket' },
  new_copies_verified: { href: '/storage?tab=integrity', label: 'Repair what lacks a copy' },
  all_copies_verified: { href: '/storage?tab=migration', label: 'Move what is left' },
};

function Remedy({ gate }: { gate: Gate }) {
  if (gate.code === 'confirmed') return <p className="text-xs text-muted">Asked for when you enter the phase.</p>;
  const here = HERE[gate.code];
  if (here === undefined) return <p className="text-xs text-muted">{gate.remedy}</p>;
  return (
    <p className="flex flex-wrap items-baseline gap-x-3 gap-y-1 text-xs text-muted">
      <Link href={here.href} className="font-medium text-accent hover:underline">
        {here.label}
      </Link>
      <span>
        or <code>{gate.remedy}</code>
      </span>
    </p>
  );
}
