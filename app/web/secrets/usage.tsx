import { Link } from 'wouter';
import type { SecretUsageView } from '../shared/api/types.ts';
import { formatCount } from '../shared/format.ts';
import { Panel } from '../shared/ui/panel.tsx';

/** What would be lost or out of reach without the secret. */
export function Usage({ usage }: { usage: SecretUsageView }) {
  const { replica_count: copies, dataset_count: datasets, sole_copy_count: sole } = usage;
  return (
    <Panel title="Where it is used">
      {copies === 0 ? (
        <p className="text-sm text-muted">No copy of a dataset is reached by it yet.</p>
      ) : (
        <div className="flex flex-col gap-2 text-sm">
          <p>
            It reaches <strong className="tabular font-semibold">{formatCount(copies)}</strong>{' '}
            {copies === 1 ? 'copy' : 'copies'} of{' '}
            <strong className="tabular font-semibold">{formatCount(datasets)}</strong>{' '}
            {datasets === 1 ? 'dataset' : 'datasets'}.
          </p>
          {sole > 0 ? (
            <p>For {formatCount(sole)} of them it is the only copy; while that is so the secret cannot be deleted.</p>
          ) : (
            <p className="text-muted">Every one of them has another copy elsewhere.</p>
          )}
          <DatasetLinks datasets={usage.sole_copies} />
        </div>
      )}
    </Panel>
  );
}

export function DatasetLinks({ datasets }: { datasets: readonly { id: string; name: string }[] }) {
  if (datasets.length === 0) return null;
  return (
    <ul className="max-h-48 overflow-y-auto rounded-md border border-line">
      {datasets.map(({ id, name }) => (
        <li key={id} className="border-t border-line first:border-t-0">
          <Link
            href={`/datasets/${id}?tab=copies`}
            className="block truncate px-3 py-1.5 text-sm hover:bg-sunken"
            title={name}
          >
            {name}
          </Link>
        </li>
      ))}
    </ul>
  );
}
