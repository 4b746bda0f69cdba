import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api } from '../shared/api/client.ts';
import type { Dataset, Replica } from '../shared/api/types.ts';
import { formatAgo, formatBytes } from '../shared/format.ts';
import { Badge } from '../shared/ui/badge.tsx';
import { Button } from '../shared/ui/button.tsx';
import { ErrorState } from '../shared/ui/states.tsx';
import { providerName, replicaState } from './copy-badges.tsx';

export function CopiesPanel({ dataset }: { dataset: Dataset }) {
  const queries = useQueryClient();
  const verification = useMutation({
    mutationFn: () => api(`/api/training/dataset/${dataset.id}/verify`, { method: 'POST' }),
    onSettled: () => void queries.invalidateQueries({ queryKey: ['dataset', dataset.id] }),
  });
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center justify-between gap-2">
        <p className="text-sm text-muted">
          “Verified” means read back from the store and hashed, not only that the store said yes.
        </p>
        <Button disabled={verification.isPending} onClick={() => verification.mutate()}>
          {verification.isPending ? 'Reading back …' : 'Verify now'}
        </Button>
      </div>
      {verification.isError && <ErrorState error={verification.error} />}
      <ul className="flex flex-col gap-2">
        {dataset.replicas.map((replica) => (
          <Copy key={`${replica.provider}${replica.key}`} replica={replica} />
        ))}
      </ul>
      <dl className="mt-2 flex flex-col gap-2 text-sm">
        <Hash label="Content (normalised JSONL)" value={dataset.content_sha256} />
        <Hash label="Object (gzip)" value={dataset.object_sha256} />
      </dl>
    </div>
  );
}

function Copy({ replica }: { replica: Replica }) {
  const { word, tone } = replicaState(replica);
  return (
    <li className="flex flex-col gap-1 rounded-lg border border-line bg-surface px-4 py-3">
      <div className="flex flex-wrap items-center gap-2 text-sm">
        <span className="font-medium">{providerName(replica.provider)}</span>
        <Badge tone={tone}>{word}</Badge>
        <span className="tabular text-muted">
          {formatBytes(replica.size_bytes)}, last verified {formatAgo(replica.verified_at)}
        </span>
      </div>
      <code className="text-xs break-all text-muted">
        {replica.bucket}/{replica.key}
      </code>
      {replica.error !== null && <p className="text-sm text-bad">{replica.error.message}</p>}
    </li>
  );
}

function Hash({ label, value }: { label: string; value: string | null }) {
  return (
    <div>
      <dt className="text-xs text-muted">{label}, SHA-256</dt>
      <dd>
        <code className="text-xs break-all">{value ?? 'not known yet'}</code>
      </dd>
    </div>
  );
}
