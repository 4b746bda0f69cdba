import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api } from '../shared/api/client.ts';
import { Button } from '../shared/ui/button.tsx';
import { Dialog } from '../shared/ui/dialog.tsx';
import { Select, TextInput } from '../shared/ui/field.tsx';
import { ErrorState } from '../shared/ui/states.tsx';
import { KeyShownOnce } from './key-shown-once.tsx';

const LIFETIMES = [
  { value: '', label: 'Never' },
  { value: '30', label: 'In 30 days' },
  { value: '90', label: 'In 90 days' },
  { value: '365', label: 'In a year' },
];
const DAY_MS = 86_400_000;

interface DialogState {
  open: boolean;
  onOpenChange: (open: boolean) => void;
}

export function NewKeyDialog({ open, onOpenChange }: DialogState) {
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title="New API key">
      <NewKey onDone={() => onOpenChange(false)} />
    </Dialog>
  );
}

function NewKey({ onDone }: { onDone: () => void }) {
  const [name, setName] = useState('');
  const [days, setDays] = useState('');
  const queries = useQueryClient();
  const creation = useMutation({
    mutationFn: () => {
      const expires_at = days === '' ? undefined : new Date(Date.now() + Number(days) * DAY_MS).toISOString();
      return api<{ key: string }>('/api/keys', { method: 'POST', json: { name: name.trim(), expires_at } });
    },
    onSuccess: () => void queries.invalidateQueries({ queryKey: ['keys'] }),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    creation.mutate();
  };
  if (creation.isSuccess) return <KeyShownOnce value={creation.data.key} onDone={onDone} />;
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <TextInput
        label="Name"
        help="Where it will be used, so that you know later which one to revoke."
        placeholder="training cluster"
        value={name}
        onValue={setName}
        maxLength={100}
        autoComplete="off"
      />
      <Select label="Expires" options={LIFETIMES} value={days} onValue={setDays} />
      {creation.isError && <ErrorState error={creation.error} />}
      <div className="flex justify-end gap-2">
        <Button onClick={onDone}>Cancel</Button>
        <Button look="primary" type="submit" disabled={name.trim() === '' || creation.isPending}>
          {creation.isPending ? 'Making …' : 'Make key'}
        </Button>
      </div>
    </form>
  );
}
