import { setTimeout as sleep } from 'node:timers/promises';
import { LongshoreError } from '@/lib/errors.ts';
import type { ApiClient } from '../api-client.ts';
import type { CliContext } from '../context.ts';
import { progressBar } from '../output/terminal.ts';
import type { RunView } from './print-run.ts';

export const RUNS = '/api/storage/migrations';
const POLL_MS = 500;

export async function getRun(client: ApiClient, id: string): Promise<RunView> {
  return (await client.json<{ migration: RunView }>(`${RUNS}/${id}`)).migration;
}

export async function changeRun(client: ApiClient, id: string, verb: string): Promise<RunView> {
  return (await client.json<{ migration: RunView }>(`${RUNS}/${id}/${verb}`, { method: 'POST' })).migration;
}

/** The run that is named; else the newest. @throws migration_not_found */
export async function chosenRun(client: ApiClient, id: string | undefined): Promise<RunView> {
  if (id !== undefined) return getRun(client, id);
  const { migrations } = await client.json<{ migrations: RunView[] }>(RUNS, { query: { limit: 1 } });
  const [newest] = migrations;
  if (newest !== undefined) return newest;
  throw new LongshoreError('migration_not_found', 'There is no migration run yet.', {
    hint: 'Plan one: longshore migrate plan',
  });
}

/** Shows progress until `isOver`. Ctrl-C ends the looking, not the run. */
export async function follow(
  { terminal, signal }: CliContext,
  client: ApiClient,
  begun: RunView,
  label: string,
  isOver: (run: RunView) => boolean,
): Promise<RunView> {
  let run = begun;
  let bar = progressBar(terminal, label, run.bytes.planned);
  let total = run.bytes.planned;
  try {
    while (!isOver(run)) {
      if (run.bytes.planned !== total) {
        total = run.bytes.planned;
        bar = progressBar(terminal, label, total);
      }
      bar.update(run.bytes.copied);
      await sleep(POLL_MS, undefined, { signal });
      run = await getRun(client, run.id);
    }
  } finally {
    bar.finish();
  }
  return run;
}
