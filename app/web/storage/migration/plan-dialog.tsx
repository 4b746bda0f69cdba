import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Plus } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { api } from '../../shared/api/client.ts';
import type { MigrationRun } from '../../shared/api/types.ts';
import { Button } from '../../shared/ui/button.tsx';
import { Dialog } from '../../shared/ui/dialog.tsx';
import { Select, TextInput } from '../../shared/ui/field.tsx';
import { ErrorState } from '../../shared/ui/states.tsx';
import { MIGRATIONS } from '../queries.ts';

const MIB = 1024 ** 2;
const DAY_MS = 86_400_000;

const AGES = [
  { value: '', label: 'Of any age' },
  { value: '7', label: 'Older than 7 days' },
  { value: '30', label: 'Older than 30 days' },
  { value: '365', label: 'Older than a year' },
];

const SIZES = [
  { value: '', label: 'Of any size' },
  { value: String(100 * MIB), label: 'At most 100 MiB' },
  { value: String(1024 * MIB), label: 'At most 1 GiB' },
  { value: String(10 * 1024 * MIB), label: 'At most 10 GiB' },
];

/** Writes down what would be moved. Nothing is copied before the run is started. */
export function PlanDialog({ onPlanned }: { onPlanned: (id: string) => void }) {
  const [open, setOpen] = useState(false);
  const planned = (id: string) => {
    setOpen(false);
    onPlanned(id);
  };
  return (
    <>
      <Button onClick={() => setOpen(true)}>
        <Plus className="size-4" aria-hidden /> Plan a run
      </Button>
      <Dialog
        open={open}
        onOpenChange={setOpen}
        title="Plan a move to S3"
        description="Writes down which datasets would be moved. Nothing is copied until you start it."
      >
        <PlanForm onPlanned={planned} onCancel={() => setOpen(false)} />
      </Dialog>
    </>
  );
}

interface Wishes {
  age: string;
  size: string;
  limit: string;
}

function PlanForm({ onPlanned, onCancel }: { onPlanned: (id: string) => void; onCancel: () => void }) {
  const [wishes, setWishes] = useState<Wishes>({ age: '', size: '', limit: '' });
  const set = (name: keyof Wishes) => (value: string) => setWishes({ ...wishes, [name]: value });
  const queries = useQueryClient();
  const planning = useMutation({
    mutationFn: () => api<{ migration: MigrationRun }>(MIGRATIONS, { method: 'POST', json: bodyOf(wishes) }),
    onSuccess: async ({ migration }) => {
      await queries.invalidateQueries({ queryKey: ['migration-runs'] });
      onPlanned(migration.id);
    },
  });
  const limitError = isLimit(wishes.limit) ? undefined : 'A number of MiB a second, 1 or more.';
  const submit = (event: FormEvent) => {
    event.preventDefault();
    planning.mutate();
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <div className="grid gap-4 sm:grid-cols-2">
        <Select label="Which datasets" options={AGES} value={wishes.age} onValue={set('age')} />
        <Select label="How large" options={SIZES} value={wishes.size} onValue={set('size')} />
      </div>
      <TextInput
        label="Bandwidth limit in MiB a second"
        help="What each process reads from the source, at most. Without it, as fast as the stores allow."
        optional
        inputMode="decimal"
        value={wishes.limit}
        onValue={set('limit')}
        error={limitError}
      />
      {planning.isError && <ErrorState error={planning.error} />}
      <div className="flex justify-end gap-2">
        <Button onClick={onCancel}>Cancel</Button>
        <Button look="primary" type="submit" disabled={planning.isPending || limitError !== undefined}>
          {planning.isPending ? 'Planning …' : 'Plan'}
        </Button>
      </div>
    </form>
  );
}

function isLimit(text: string): boolean {
  return text.trim() === '' || Number(text) >= 1;
}

function bodyOf({ age, size, limit }: Wishes): unknown {
  return {
    created_before: age === '' ? undefined : new Date(Date.now() - Number(age) * DAY_MS).toISOString(),
    max_bytes: size === '' ? undefined : Number(size),
    bwlimit_bytes_per_second: limit.trim() === '' ? null : Math.round(Number(limit) * MIB),
  };
}
