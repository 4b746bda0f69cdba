import { useMutation, useQueryClient } from '@tanstack/react-query';
import { AlertDialog } from 'radix-ui';
import { useLocation } from 'wouter';
import { api } from '../shared/api/client.ts';
import type { Dataset } from '../shared/api/types.ts';
import { formatCount } from '../shared/format.ts';
import { Button } from '../shared/ui/button.tsx';
import { ErrorState } from '../shared/ui/states.tsx';

export function DatasetActions({ dataset }: { dataset: Dataset }) {
  return (
    <div className="flex gap-2">
      <a
        href={`/api/training/dataset/${dataset.id}/download`}
        className="inline-flex h-8 items-center rounded-md border border-line bg-surface px-3 text-sm font-medium hover:bg-sunken"
      >
        Download
      </a>
      <DeleteDataset dataset={dataset} />
    </div>
  );
}

function DeleteDataset({ dataset }: { dataset: Dataset }) {
  const [, navigate] = useLocation();
  const queries = useQueryClient();
  const removal = useMutation({
    mutationFn: () => api(`/api/training/dataset/${dataset.id}`, { method: 'DELETE' }),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['datasets'] });
      navigate('/datasets');
    },
  });
  const copies = dataset.replicas.length;
  return (
    <AlertDialog.Root>
      <AlertDialog.Trigger asChild>
        <Button look="danger">Delete</Button>
      </AlertDialog.Trigger>
      <AlertDialog.Portal>
        <AlertDialog.Overlay className="fixed inset-0 z-40 bg-black/40" />
        <AlertDialog.Content className="fixed top-1/2 left-1/2 z-50 flex w-[min(28rem,calc(100vw-2rem))] -translate-x-1/2 -translate-y-1/2 flex-col gap-3 rounded-lg border border-line bg-surface p-5 shadow-xl">
          <AlertDialog.Title className="font-semibold">Delete “{dataset.name}”?</AlertDialog.Title>
          <AlertDialog.Description className="text-sm text-muted">
            {formatCount(dataset.total_examples)} examples and{' '}
            {copies === 1 ? 'their only copy' : `all ${copies} copies`} are removed. This cannot be undone.
          </AlertDialog.Description>
          {removal.isError && <ErrorState error={removal.error} />}
          <div className="mt-2 flex justify-end gap-2">
            <AlertDialog.Cancel asChild>
              <Button>Keep it</Button>
            </AlertDialog.Cancel>
            <Button look="danger" disabled={removal.isPending} onClick={() => removal.mutate()}>
              {removal.isPending ? 'Deleting …' : 'Delete dataset'}
            </Button>
          </div>
        </AlertDialog.Content>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
