import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useDeferredValue, useState } from 'react';
import { Link } from 'wouter';
import { api } from '../shared/api/client.ts';
import type { Dataset, DatasetPage } from '../shared/api/types.ts';
import { formatCount } from '../shared/format.ts';
import { Select, TextInput } from '../shared/ui/field.tsx';
import { ErrorState } from '../shared/ui/states.tsx';

const MOST = 50;

/** The newest datasets, or those that are called so; the chosen one stays among them. */
export function DatasetPicker({ value, onValue }: { value: string; onValue: (id: string) => void }) {
  const [text, setText] = useState('');
  const q = useDeferredValue(text.trim());
  const found = useQuery({
    queryKey: ['datasets', 'picker', q],
    queryFn: ({ signal }) => api<DatasetPage>('/api/training/dataset', { query: { q, limit: MOST }, signal }),
    placeholderData: keepPreviousData,
  });
  const chosen = useQuery({
    queryKey: ['dataset', value],
    queryFn: ({ signal }) =>
      api<{ dataset: Dataset }>(`/api/training/dataset/${value}`, { signal }).then(({ dataset }) => dataset),
    enabled: value !== '',
  });
  const listed = found.data?.datasets ?? [];
  const others = listed.filter(({ id }) => id !== value);
  const options = [...(chosen.data === undefined ? [] : [chosen.data]), ...others].map(optionOf);
  const searchable = q !== '' || found.data?.next_cursor !== null;
  return (
    <div className="grid gap-3 sm:grid-cols-2">
      <Select
        label="Dataset"
        value={chosen.data === undefined ? '' : value}
        options={[{ value: '', label: options.length === 0 ? 'None is there' : 'Choose one' }, ...options]}
        onValue={onValue}
        help={<Hint none={found.isSuccess && options.length === 0 && q === ''} />}
      />
      {searchable && <TextInput label="Find a dataset" value={text} onValue={setText} placeholder="by its name" />}
      {chosen.isError && <ErrorState error={chosen.error} />}
      {found.isError && <ErrorState error={found.error} />}
    </div>
  );
}

function Hint({ none }: { none: boolean }) {
  if (!none) return 'Its bytes of this moment: the job gets these or none.';
  return (
    <Link href="/datasets" className="text-accent underline">
      Upload a dataset first
    </Link>
  );
}

function optionOf({ id, name, kind, total_examples }: Dataset) {
  return { value: id, label: `${name} (${kind ?? 'not indexed'}, ${formatCount(total_examples)})` };
}
