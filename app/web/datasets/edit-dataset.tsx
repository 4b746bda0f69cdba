import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api } from '../shared/api/client.ts';
import type { Dataset } from '../shared/api/types.ts';
import { Button } from '../shared/ui/button.tsx';
import { Dialog } from '../shared/ui/dialog.tsx';
import { TextInput } from '../shared/ui/field.tsx';
import { ErrorState } from '../shared/ui/states.tsx';
import { useToast } from '../shared/ui/toast.tsx';

interface EditProps {
  dataset: Dataset;
  open: boolean;
  onOpenChange: (open: boolean) => void;
}

export function EditDataset({ dataset, open, onOpenChange }: EditProps) {
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title="Name and description">
      <EditForm dataset={dataset} onDone={() => onOpenChange(false)} />
    </Dialog>
  );
}

type Words = Pick<Dataset, 'name' | 'description'>;

function EditForm({ dataset, onDone }: { dataset: Dataset; onDone: () => void }) {
  const [name, setName] = useState(dataset.name);
  const [description, setDescription] = useState(dataset.description ?? '');
  const queries = useQueryClient();
  const say = useToast();
  const put = async (words: Words) => {
    await api(`/api/training/dataset/${dataset.id}`, { method: 'PATCH', json: words });
    await queries.invalidateQueries({ queryKey: ['dataset', dataset.id] });
    void queries.invalidateQueries({ queryKey: ['datasets'] });
  };
  const before: Words = { name: dataset.name, description: dataset.description };
  const change = useMutation({
    mutationFn: () => put({ name: name.trim(), description: description.trim() === '' ? null : description.trim() }),
    onSuccess: () => {
      say({
        text: 'Saved.',
        undo: () => void put(before).catch((error: Error) => say({ text: error.message, tone: 'bad' })),
      });
      onDone();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    change.mutate();
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <TextInput label="Name" value={name} onValue={setName} maxLength={255} autoComplete="off" />
      <TextInput
        label="Description"
        optional
        value={description}
        onValue={setDescription}
        maxLength={2000}
        autoComplete="off"
      />
      {change.isError && <ErrorState error={change.error} />}
      <div className="flex justify-end gap-2">
        <Button onClick={onDone}>Cancel</Button>
        <Button look="primary" type="submit" disabled={name.trim() === '' || change.isPending}>
          {change.isPending ? 'Saving …' : 'Save'}
        </Button>
      </div>
    </form>
  );
}
