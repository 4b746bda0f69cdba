import type { TrainingTarget } from '../shared/api/types.ts';
import { MACHINE_FIELDS } from './machine-fields.ts';

/** What stands in the form. */
export interface WantedJob {
  datasetId: string;
  target: TrainingTarget;
  command: string;
  hyperparameters: string;
  env: string;
  trainer: string;
  runHours: string;
  machine: Readonly<Record<string, string>>;
}

/** What is wrong with a field, by its name. */
export type Faults = Partial<Record<'hyperparameters' | 'env' | 'runHours', string>>;

export function faultsOf(wanted: WantedJob): Faults {
  const faults: Faults = {};
  if (parseObject(wanted.hyperparameters) === undefined) faults.hyperparameters = 'This is not a JSON object.';
  const wrong = lines(wanted.env).find((line) => !/^[A-Za-z_][A-Za-z0-9_]*=/.test(line));
  if (wrong !== undefined) faults.env = `“${wrong.split('=')[0]}” is not a name: write NAME=value, one a line.`;
  if (wanted.runHours.trim() !== '' && !(Number(wanted.runHours) > 0)) faults.runHours = 'A number of hours, like 12.';
  return faults;
}

/** Whether everything is there that the server cannot do without. */
export function isComplete(wanted: WantedJob): boolean {
  const lacks = MACHINE_FIELDS[wanted.target].some(
    ({ name, required }) => required === true && (wanted.machine[name] ?? '').trim() === '',
  );
  return wanted.datasetId !== '' && !lacks && Object.keys(faultsOf(wanted)).length === 0;
}

/** The body of POST /api/training/deploy/{target}: what was left empty is left to the server. */
export function bodyOf(wanted: WantedJob): Record<string, unknown> {
  const { datasetId, command, trainer, runHours } = wanted;
  const hyperparameters = parseObject(wanted.hyperparameters) ?? {};
  const env = Object.fromEntries(lines(wanted.env).map(pairOf));
  const config = {
    ...(command.trim() === '' ? {} : { command: command.trim() }),
    ...(Object.keys(hyperparameters).length === 0 ? {} : { hyperparameters }),
    ...(Object.keys(env).length === 0 ? {} : { env }),
  };
  return {
    ...{ dataset_id: datasetId, config, ...machineOf(wanted) },
    ...(trainer === '' ? {} : { trainer }),
    ...(runHours.trim() === '' ? {} : { policy: { run_timeout_seconds: Number(runHours) * 3600 } }),
  };
}

function machineOf({ target, machine }: WantedJob): Record<string, unknown> {
  const told = MACHINE_FIELDS[target].flatMap(({ name, kind }): [string, unknown][] => {
    const text = (machine[name] ?? '').trim();
    if (text === '') return [];
    if (kind === 'flag') return [[name, text === 'true']];
    return [[name, kind === 'number' ? Number(text) : text]];
  });
  return Object.fromEntries(told);
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '');
}

function pairOf(line: string): [string, string] {
  const at = line.indexOf('=');
  return [line.slice(0, at), line.slice(at + 1)];
}

/** Empty text is an empty object; undefined where it is none. */
function parseObject(text: string): Record<string, unknown> | undefined {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    // What does not parse is told at the field.
    return undefined;
  }
}
