import { useMutation, useQueryClient } from '@tanstack/react-query';
import { CircleAlert, CircleCheck, CircleDashed } from 'lucide-react';
import { api } from '../shared/api/client.ts';
import type { CheckedReplica, Dataset, Replica } from '../shared/api/types.ts';
import { formatAgo, formatBytes, formatMoment } from '../shared/format.ts';
import { Badge } from '../shared/ui/badge.tsx';
import { Button } from '../shared/ui/button.tsx';
import { CopyIcon } from '../shared/ui/copy.tsx';
import { Panel } from '../shared/ui/panel.tsx';
import { ErrorState, Note } from '../shared/ui/states.tsx';
import { useToast } from '../shared/ui/toast.tsx';
import { providerName, replicaState } from './copy-badges.tsx';
import { PassedOver, useServingCopy } from './download-location.tsx';

interface Verified {
  replicas: CheckedReplica[];
}

export function CopiesPanel({ dataset }: { dataset: Dataset }) {
  const actions = useCopyActions(dataset);
  const serving = useServingCopy(dataset);
  const busy = actions.verify.isPending || actions.repair.isPending;
  return (
    <div className="flex flex-col gap-4">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <p className="max-w-2xl text-sm text-muted">
          “Verified” means read back from the store and hashed, not only that the store said yes.
        </p>
        <span className="flex flex-wrap gap-2">
          <Button disabled={busy} onClick={() => actions.repair.mutate()}>
            {actions.repair.isPending ? 'Asking …' : 'Repair'}
          </Button>
          <Button look="primary" disabled={busy} onClick={() => actions.verify.mutate()}>
            {actions.verify.isPending ? 'Reading back …' : 'Verify now'}
          </Button>
        </span>
      </div>
      {actions.verify.isError && <ErrorState error={actions.verify.error} />}
      {actions.verify.isSuccess && <Outcome replicas={actions.verify.data.replicas} />}
      <ul aria-label="Copies" className="flex flex-col gap-2">
        {dataset.replicas.map((replica) => (
          <Copy
            key={`${replica.provider}${replica.key}`}
            replica={replica}
            serves={replica.state === 'completed' && replica.provider === serving.data?.provider}
          />
        ))}
      </ul>
      {serving.isError && <ErrorState error={serving.error} />}
      {serving.isSuccess && <PassedOver copy={serving.data} />}
      <Panel title="Identity" description="The same wherever the bytes lie: compare after a download with sha256sum">
        <dl className="flex flex-col gap-3 text-sm">
          <Hash label="Content, the normalised JSONL" value={dataset.content_sha256} />
          <Hash label="Object, as it is stored (gzip)" value={dataset.object_sha256} />
          <Hash label="Dataset id" value={dataset.id} />
        </dl>
      </Panel>
    </div>
  );
}

function useCopyActions(dataset: Dataset) {
  const queries = useQueryClient();
  const say = useToast();
  const path = `/api/training/dataset/${dataset.id}`;
  const refresh = () => void queries.invalidateQueries({ queryKey: ['dataset', dataset.id] });
  const verify = useMutation({
    mutationFn: () => api<Verified>(`${path}/verify`, { method: 'POST' }),
    onSettled: refresh,
  });
  const repair = useMutation({
    mutationFn: () => api(`${path}/repair`, { method: 'POST' }),
    onSuccess: () => say({ text: 'Whatever is missing or bad is made anew in the background.' }),
    onError: (error) => say({ text: error.message, tone: 'bad' }),
    onSettled: refresh,
  });
  return { verify, repair };
}

const MARKS: Record<CheckedReplica['mark'], string> = {
  '=': 'is byte for byte the same',
  '-': 'is missing',
  '*': 'differs',
  '!': 'could not be read',
};

function Outcome({ replicas }: { replicas: readonly CheckedReplica[] }) {
  const good = replicas.every(({ mark }) => mark === '=');
  return (
    <Note tone={good ? 'good' : 'warn'}>
      <ul role="status">
        {replicas.map(({ provider, key, mark, message }) => (
          <li key={`${provider}${key}`}>
            {providerName(provider)} {MARKS[mark]}
            {message === null ? '.' : `: ${message}`}
          </li>
        ))}
        {!good && <li>What is bad is not served any more, and is made anew from a good copy.</li>}
      </ul>
    </Note>
  );
}

function Copy({ replica, serves }: { replica: Replica; serves: boolean }) {
  const { word, tone } = replicaState(replica);
  const Icon = tone === 'good' ? CircleCheck : tone === 'bad' ? CircleAlert : CircleDashed;
  return (
    <li className="flex flex-col gap-1 rounded-lg border border-line bg-surface px-4 py-3">
      <div className="flex flex-wrap items-center gap-x-2.5 gap-y-1 text-sm">
        <span className="font-semibold">{providerName(replica.provider)}</span>
        <Badge tone={tone}>
          <Icon className="size-3" aria-hidden /> {word}
        </Badge>
        {serves && <Badge title="A download that begins now reads this copy">serves downloads</Badge>}
        <span className="tabular ml-auto text-muted" title={formatMoment(replica.verified_at)}>
          {formatBytes(replica.size_bytes)}, last verified {formatAgo(replica.verified_at)}
        </span>
      </div>
      <div className="flex items-center gap-1">
        <code className="min-w-0 text-xs break-all text-muted">
          {replica.bucket}/{replica.key}
        </code>
        <CopyIcon text={`${replica.bucket}/${replica.key}`} what="address" />
      </div>
      {replica.error !== null && (
        <p className="text-sm text-bad">
          {replica.error.message} <code className="text-xs">{replica.error.code}</code>
        </p>
      )}
    </li>
  );
}

function Hash({ label, value }: { label: string; value: string | null }) {
  return (
    <div className="min-w-0">
      <dt className="text-xs text-muted">{label}</dt>
      <dd className="flex items-center gap-1">
        <code className="min-w-0 text-xs break-all">{value ?? 'not known yet'}</code>
        {value !== null && <CopyIcon text={value} what={label} />}
      </dd>
    </div>
  );
}
