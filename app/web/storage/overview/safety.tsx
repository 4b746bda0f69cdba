import clsx from 'clsx';
import { CircleAlert, ShieldCheck } from 'lucide-react';
import type { StorageState } from '../../shared/api/types.ts';
import { formatBytes, formatCount } from '../../shared/format.ts';
import { datasetCount } from '../words.ts';

type Datasets = StorageState['datasets'];

interface Part {
  name: string;
  count: number;
  colour: string;
}

/** The answer to the first question of everybody: is it safe? */
export function Safety({ datasets }: { datasets: Datasets }) {
  const safe = datasets.no_verified_copy === 0;
  const Icon = safe ? ShieldCheck : CircleAlert;
  return (
    <section aria-label="Safety" className="rounded-lg border border-line bg-surface p-4">
      <div className="flex items-start gap-3">
        <Icon className={clsx('mt-0.5 size-5 shrink-0', safe ? 'text-good' : 'text-warn')} aria-hidden />
        <div className="min-w-0">
          <h2 className="font-semibold">{headline(datasets)}</h2>
          <p className="tabular mt-0.5 text-sm text-muted">{explanation(datasets)}</p>
        </div>
      </div>
      <CopyBar parts={partsOf(datasets)} total={datasets.total} />
    </section>
  );
}

function headline({ total, no_verified_copy: none }: Datasets): string {
  if (none > 0) return `${datasetCount(none)} ${none === 1 ? 'has' : 'have'} no copy that was read back`;
  if (total === 1) return 'The dataset was read back intact';
  return `All ${datasetCount(total)} were read back intact`;
}

function explanation({ bytes, uploading, no_verified_copy: none }: Datasets): string {
  const words = [`${formatBytes(bytes)} of content.`];
  if (uploading > 0) words.push(`${formatCount(uploading)} more on the way.`);
  words.push(
    none > 0
      ? 'They are stored; reading them back is queued and happens by itself.'
      : 'Read back means: fetched from the store again and hashed, with an equal result.',
  );
  return words.join(' ');
}

function partsOf(datasets: Datasets): Part[] {
  return [
    { name: 'two or more verified copies', count: datasets.two_verified_copies, colour: 'bg-good' },
    { name: 'one verified copy', count: datasets.one_verified_copy, colour: 'bg-accent' },
    { name: 'none yet', count: datasets.no_verified_copy, colour: 'bg-warn' },
  ];
}

function CopyBar({ parts, total }: { parts: readonly Part[]; total: number }) {
  return (
    <div className="mt-4">
      <div aria-hidden className="flex h-2 gap-0.5 overflow-hidden rounded-full bg-line">
        {parts
          .filter(({ count }) => count > 0)
          .map(({ name, count, colour }) => (
            <div key={name} className={clsx('h-full min-w-1', colour)} style={{ width: `${(count / total) * 100}%` }} />
          ))}
      </div>
      <ul className="mt-2.5 flex flex-wrap gap-x-5 gap-y-1 text-sm">
        {parts.map(({ name, count, colour }) => (
          <li key={name} className="flex items-center gap-2">
            <span aria-hidden className={clsx('size-2 rounded-full', count > 0 ? colour : 'bg-line-strong')} />
            <span className="tabular font-medium">{formatCount(count)}</span> <span className="text-muted">{name}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
