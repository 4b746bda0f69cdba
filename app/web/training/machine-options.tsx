import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { api } from '../shared/api/client.ts';
import type { MachineOffer, TrainingTarget } from '../shared/api/types.ts';
import { Checkbox, Select, TextInput } from '../shared/ui/field.tsx';
import { ErrorState, Note } from '../shared/ui/states.tsx';
import { MACHINE_FIELDS, type MachineField } from './machine-fields.ts';
import { price } from './price.ts';

const PRICED: Partial<Record<TrainingTarget, string>> = { runpod: 'gpu_type', lambda: 'instance_type' };
const OFFERS_KEPT_MS = 60_000;

/** What the provider offers now; nothing for targets without a list of prices. */
export function useOffers(target: TrainingTarget) {
  return useQuery({
    queryKey: ['offers', target],
    queryFn: ({ signal }) =>
      api<{ offers: MachineOffer[] }>(`/api/training/deploy/${target}/offers`, { signal }).then(({ offers }) => offers),
    enabled: PRICED[target] !== undefined,
    staleTime: OFFERS_KEPT_MS,
    retry: false,
  });
}

/** The offer that the form names, or that the server would take by itself. */
export function chosenOffer(
  target: TrainingTarget,
  machine: Readonly<Record<string, string>>,
  offers: readonly MachineOffer[] | undefined,
): MachineOffer | undefined {
  const name = PRICED[target] ?? '';
  const own = MACHINE_FIELDS[target].find((field) => field.name === name)?.placeholder;
  return offers?.find(({ id }) => id === (machine[name] || own));
}

interface MachineOptionsProps {
  target: TrainingTarget;
  machine: Readonly<Record<string, string>>;
  set: (name: string, value: string) => void;
}

export function MachineOptions({ target, machine, set }: MachineOptionsProps) {
  const { data: offers, error } = useOffers(target);
  const offer = chosenOffer(target, machine, offers);
  return (
    <>
      <div className="grid gap-4 sm:grid-cols-2">
        {MACHINE_FIELDS[target].map((field) => (
          <Machine
            key={field.name}
            field={field}
            value={machine[field.name] ?? ''}
            set={(value) => set(field.name, value)}
            offers={PRICED[target] === field.name ? offers : undefined}
            regions={field.name === 'region' ? (offer?.regions ?? undefined) : undefined}
          />
        ))}
      </div>
      {error !== null && <ErrorState error={error} />}
      {error !== null && (
        <Link href={`/secrets?provider=${target}`} className="text-sm text-accent underline">
          Look at the credentials of this provider
        </Link>
      )}
      {target === 'sagemaker' && (
        <Note>Prices of SageMaker are not known here: see the price list of your region before you start.</Note>
      )}
    </>
  );
}

interface MachineProps {
  field: MachineField;
  value: string;
  set: (value: string) => void;
  offers: readonly MachineOffer[] | undefined;
  regions: readonly string[] | undefined;
}

function Machine({ field, value, set, offers, regions }: MachineProps) {
  const { label, help, placeholder, required = false, kind, choices } = field;
  const words = { label, help, optional: !required };
  if (kind === 'flag') {
    return <Checkbox label={label} help={help} checked={value === 'true'} onChecked={(on) => set(String(on))} />;
  }
  if (offers !== undefined && offers.length > 0) {
    const own = { value: '', label: `${placeholder} (usual)` };
    return <Select {...words} value={value} options={[own, ...offers.map(offerOption)]} onValue={set} />;
  }
  const listed = choices ?? (regions !== undefined && regions.length > 0 ? ['', ...regions] : undefined);
  if (listed !== undefined) {
    const options = listed.map((one) => ({ value: one, label: one === '' ? 'Choose one' : one }));
    return <Select {...words} value={value === '' ? (listed[0] ?? '') : value} options={options} onValue={set} />;
  }
  return (
    <TextInput
      {...words}
      value={value}
      onValue={set}
      placeholder={placeholder}
      inputMode={kind === 'number' ? 'numeric' : undefined}
    />
  );
}

function offerOption({ id, title, gpu_memory_gb, usd_per_hour, available }: MachineOffer) {
  const parts = [title, gpu_memory_gb === null ? undefined : `${gpu_memory_gb} GB`, price(usd_per_hour)];
  const words = parts.filter((part) => part !== undefined).join(', ');
  return { value: id, label: available === false ? `${words}, none free` : words };
}
