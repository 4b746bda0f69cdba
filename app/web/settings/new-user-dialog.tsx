import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api } from '../shared/api/client.ts';
import type { User } from '../shared/api/types.ts';
import { Button } from '../shared/ui/button.tsx';
import { Dialog } from '../shared/ui/dialog.tsx';
import { Select, TextInput } from '../shared/ui/field.tsx';
import { ErrorState } from '../shared/ui/states.tsx';
import { KeyShownOnce } from './key-shown-once.tsx';

const ROLES = [
  { value: 'member', label: 'Member: own datasets, secrets and jobs' },
  { value: 'admin', label: 'Admin: runs the installation too' },
];

export function NewUserDialog({ open, onOpenChange }: { open: boolean; onOpenChange: (open: boolean) => void }) {
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title="Add a user">
      <NewUser onDone={() => onOpenChange(false)} />
    </Dialog>
  );
}

function NewUser({ onDone }: { onDone: () => void }) {
  const [name, setName] = useState('');
  const [role, setRole] = useState('member');
  const queries = useQueryClient();
  const creation = useMutation({
    mutationFn: () =>
      api<{ user: User; key: string }>('/api/users', { method: 'POST', json: { name: name.trim(), role } }),
    onSuccess: () => void queries.invalidateQueries({ queryKey: ['users'] }),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    creation.mutate();
  };
  if (creation.isSuccess) {
    return (
      <div className="flex flex-col gap-4">
        <p className="text-sm">{creation.data.user.name} signs in with this key; give it on by a safe way.</p>
        <KeyShownOnce value={creation.data.key} onDone={onDone} />
      </div>
    );
  }
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <TextInput label="Name" placeholder="Ada" value={name} onValue={setName} maxLength={100} autoComplete="off" />
      <Select label="Role" options={ROLES} value={role} onValue={setRole} />
      {creation.isError && <ErrorState error={creation.error} />}
      <div className="flex justify-end gap-2">
        <Button onClick={onDone}>Cancel</Button>
        <Button look="primary" type="submit" disabled={name.trim() === '' || creation.isPending}>
          {creation.isPending ? 'Adding …' : 'Add user'}
        </Button>
      </div>
    </form>
  );
}
