import { useQueryClient } from '@tanstack/react-query';
import { Download, Pencil } from 'lucide-react';
import { useState } from 'react';
import { useLocation } from 'wouter';
import { api } from '../shared/api/client.ts';
import type { Dataset } from '../shared/api/types.ts';
import { formatCount } from '../shared/format.ts';
import { Button } from '../shared/ui/button.tsx';
import { Confirm } from '../shared/ui/confirm.tsx';
import { useToast } from '../shared/ui/toast.tsx';
import { EditDataset } from './edit-dataset.tsx';
import { ExportDataset } from './export-dataset.tsx';

export function DatasetActions({ dataset }: { dataset: Dataset }) {
  const [open, setOpen] = useState<'edit' | 'export' | null>(null);
  const ready = dataset.status === 'ready';
  const show = (which: 'edit' | 'export') => (visible: boolean) => setOpen(visible ? which : null);
  return (
    <>
      <Button disabled={!ready} onClick={() => setOpen('export')}>
        <Download className="size-4" aria-hidden /> Download
      </Button>
      <Button disabled={!ready} onClick={() => setOpen('edit')}>
        <Pencil className="size-3.5" aria-hidden /> Rename
      </Button>
      <DeleteDataset dataset={dataset} />
      <ExportDataset dataset={dataset} open={open === 'export'} onOpenChange={show('export')} />
      <EditDataset dataset={dataset} open={open === 'edit'} onOpenChange={show('edit')} />
    </>
  );
}

function DeleteDataset({ dataset }: { dataset: Dataset }) {
  const [, navigate] = useLocation();
  const queries = useQueryClient();
  const say = useToast();
  const copies = dataset.replicas.length;
  const remove = async () => {
    await api(`/api/training/dataset/${dataset.id}`, { method: 'DELETE' });
    await queries.invalidateQueries({ queryKey: ['datasets'] });
    say({ text: `“${dataset.name}” was deleted.` });
    navigate('/datasets');
  };
  return (
    <Confirm
      trigger={<Button look="danger">Delete</Button>}
      title={`Delete “${dataset.name}”?`}
      action="Delete dataset"
      busy="Deleting …"
      consequences={[
        `Its ${formatCount(dataset.total_examples)} examples cannot be read any more, from this moment.`,
        copies === 1
          ? 'Its only copy is removed.'
          : `All ${copies} copies are removed, old versions in the bucket too.`,
        'Training jobs that still want to read it fail.',
        'This cannot be undone. To keep a copy, download it first.',
      ]}
      onConfirm={remove}
    />
  );
}
