import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useRef, useState } from 'react';
import { useLocation } from 'wouter';
import { api, isTransient } from '../shared/api/client.ts';
import type { TrainingDryRun, TrainingJob, TrainingTarget } from '../shared/api/types.ts';
import { Button } from '../shared/ui/button.tsx';
import { Select, TextInput } from '../shared/ui/field.tsx';
import { PageHeader } from '../shared/ui/page-header.tsx';
import { Panel } from '../shared/ui/panel.tsx';
import { ErrorState, Note } from '../shared/ui/states.tsx';
import { useUrlState } from '../shared/url-state.ts';
import { DatasetPicker } from './dataset-picker.tsx';
import { DryRunResult } from './dry-run-result.tsx';
import { TARGET_NAMES } from './job-words.ts';
import { chosenOffer, MachineOptions, useOffers } from './machine-options.tsx';
import { price } from './price.ts';
import { TextArea } from './text-area.tsx';
import { bodyOf, faultsOf, isComplete, type WantedJob } from './wanted-job.ts';

const TARGETS = Object.entries(TARGET_NAMES).map(([value, label]) => ({ value, label }));
const TRAINERS = [
  { value: '', label: 'Not said' },
  ...['trl', 'llamafactory', 'axolotl', 'torchtune'].map((value) => ({ value, label: value })),
];

type Written = Omit<WantedJob, 'datasetId' | 'target'>;
const EMPTY: Written = { command: '', hyperparameters: '', env: '', trainer: '', runHours: '', machine: {} };

/** Dataset and target stand in the address; the rest may hold what nobody else is to see. */
function useWanted() {
  const [datasetId, setDatasetId] = useUrlState('dataset');
  const [named, setTarget] = useUrlState('target');
  const [written, setWritten] = useState(EMPTY);
  const target: TrainingTarget = named in TARGET_NAMES ? (named as TrainingTarget) : 'local';
  const wanted: WantedJob = { ...written, datasetId, target };
  const set = (change: Partial<Written>) => setWritten((now) => ({ ...now, ...change }));
  return { wanted, set, setDatasetId, setTarget };
}

/** `crypto.randomUUID` is there on secure pages only. */
function randomKey(): string {
  return crypto.getRandomValues(new Uint32Array(4)).join('-');
}

function useDeploy(wanted: WantedJob) {
  const [, navigate] = useLocation();
  const path = `/api/training/deploy/${wanted.target}`;
  const key = JSON.stringify(wanted);
  const check = useMutation({
    mutationFn: async () => {
      const json = { ...bodyOf(wanted), dry_run: true };
      return { key, result: await api<TrainingDryRun>(path, { method: 'POST', json }) };
    },
  });
  const attempt = useRef<{ key: string; idempotencyKey: string }>(undefined);
  const start = useMutation({
    mutationFn: () => {
      if (attempt.current?.key !== key) attempt.current = { key, idempotencyKey: randomKey() };
      const { idempotencyKey } = attempt.current;
      return api<{ job: TrainingJob }>(path, { method: 'POST', json: bodyOf(wanted), idempotencyKey });
    },
    onSuccess: ({ job }) => navigate(`/training/${job.id}`),
    // Refused: to be asked for anew. Where the answer was lost the same key finds the job, and rents no second machine.
    onError: (error) => {
      if (!isTransient(error)) attempt.current = undefined;
    },
  });
  // What was checked for other values says nothing about these.
  const checked = check.data?.key === key ? check.data.result : undefined;
  return { check, start, checked };
}

/** Says what a job is to do and where, looks whether it can, and starts it. */
export function StartJob() {
  const { wanted, set, setDatasetId, setTarget } = useWanted();
  const { check, start, checked } = useDeploy(wanted);
  const rented = wanted.target !== 'local';
  const busy = check.isPending || start.isPending;
  const startable = !rented || (checked !== undefined && checked.preflight.status !== 'failed');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (startable) start.mutate();
    else check.mutate();
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-5" autoComplete="off">
      <PageHeader title="Start a training job" back={{ href: '/training', label: 'Training' }} />
      <Panel title="What and where">
        <div className="flex flex-col gap-4">
          <DatasetPicker value={wanted.datasetId} onValue={(id) => setDatasetId(id)} />
          <div className="grid gap-3 sm:grid-cols-2">
            <Select
              label="Runs on"
              value={wanted.target}
              options={TARGETS}
              onValue={(target) => {
                set({ machine: {} });
                setTarget(target === 'local' ? '' : target);
              }}
            />
          </div>
          <MachineOptions
            target={wanted.target}
            machine={wanted.machine}
            set={(name, value) => set({ machine: { ...wanted.machine, [name]: value } })}
          />
        </div>
      </Panel>
      <Work wanted={wanted} set={set} />
      <div className="flex flex-wrap items-center gap-3">
        <Button disabled={busy || !isComplete(wanted)} onClick={() => check.mutate()}>
          {check.isPending ? 'Looking …' : 'Check only'}
        </Button>
        <Button look="primary" type="submit" disabled={busy || !isComplete(wanted) || !startable}>
          {start.isPending ? 'Starting …' : rented ? 'Rent and start' : 'Start job'}
        </Button>
        {rented && <Cost wanted={wanted} checked={checked !== undefined} />}
      </div>
      {start.isError && <ErrorState error={start.error} />}
      {check.isError && <ErrorState error={check.error} />}
      {checked !== undefined && <DryRunResult result={checked} />}
    </form>
  );
}

function Work({ wanted, set }: { wanted: WantedJob; set: (change: Partial<Written>) => void }) {
  const faults = faultsOf(wanted);
  const local = wanted.target === 'local';
  return (
    <Panel title="The work">
      <div className="grid gap-4 sm:grid-cols-2">
        <div className="sm:col-span-2">
          <TextInput
            label="Command"
            mono
            optional
            placeholder="python3 train.py"
            value={wanted.command}
            onValue={(command) => set({ command })}
            help="A shell line. It finds the records in $DATASET_PATH and writes to $OUTPUT_DIR. Empty: what the worker was started with."
          />
        </div>
        <TextArea
          label="Hyperparameters"
          placeholder='{"learning_rate": 5e-5}'
          help="A JSON object; the command finds it in $HYPERPARAMETERS_PATH."
          error={faults.hyperparameters}
          value={wanted.hyperparameters}
          onValue={(hyperparameters) => set({ hyperparameters })}
        />
        <TextArea
          label="Environment"
          placeholder="NAME=value"
          help={
            local
              ? 'One a line. Encrypted here, and given to the worker of this job alone.'
              : 'One a line. Sent to the machine and kept nowhere.'
          }
          error={faults.env}
          value={wanted.env}
          onValue={(env) => set({ env })}
        />
        <Select
          label="Trainer"
          optional
          value={wanted.trainer}
          options={TRAINERS}
          onValue={(trainer) => set({ trainer })}
          help="Refused before the start if it would refuse the dataset."
        />
        <TextInput
          label="At most hours"
          optional
          inputMode="decimal"
          value={wanted.runHours}
          onValue={(runHours) => set({ runHours })}
          error={faults.runHours}
          help="A command that runs for longer is ended."
        />
      </div>
    </Panel>
  );
}

/** Said before the button is pressed, as far as the provider tells. */
function Cost({ wanted: { target, machine }, checked }: { wanted: WantedJob; checked: boolean }) {
  const { data: offers } = useOffers(target);
  const offer = chosenOffer(target, machine, offers);
  const each = offer?.usd_per_hour ?? null;
  // RunPod tells the price of one GPU; several are asked for by their number.
  const count = target === 'runpod' ? Number(machine.gpu_count || 1) : 1;
  const named = machine.cloud === 'COMMUNITY' ? 'In the secure cloud it costs' : 'It costs';
  return (
    <Note tone={checked ? 'neutral' : 'warn'}>
      {each === null ? 'The price is not known here' : `${named} ${price(each * count)}`}
      {checked ? ', until the job is over.' : '. Check it first: only then it can be started.'}
    </Note>
  );
}
