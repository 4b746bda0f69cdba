import { formatBytes, formatCount, formatSeconds } from '@/lib/format.ts';
import type { ItemView, RunView } from '@/lib/http/migration-views.ts';
import { paint, printLine, type Terminal } from '../output/terminal.ts';

export type { ItemView, RunView } from '@/lib/http/migration-views.ts';

const TITLES: Readonly<Record<keyof RunView['counts'], string>> = {
  pending: 'to move',
  copying: 'being copied',
  verifying: 'being read back',
  done: 'moved and proved',
  skipped: 'left out',
  failed: 'failed',
  quarantined: 'quarantined',
};

/** What a run is to do or has done, for a person. */
export function printRun(terminal: Terminal, run: RunView): void {
  printLine(terminal, `${paint(terminal, 'bold', run.id)}  ${run.state}  ${progressOf(run)}`);
  for (const [state, title] of Object.entries(TITLES)) {
    const count = run.counts[state as keyof RunView['counts']];
    if (count > 0) printLine(terminal, `  ${formatCount(count).padStart(9)}  ${title}`);
  }
  for (const { code, count, message, hint } of run.errors) {
    printLine(terminal, `  ${paint(terminal, 'yellow', code)} (${formatCount(count)})  ${message}`);
    if (hint !== null) printLine(terminal, `      ${hint}`);
  }
  if (run.workers.length > 0) printLine(terminal, `  ${workersLine(run.workers)}`);
  if (run.check !== null) printLine(terminal, `  read back: ${checkLine(run.check)}`);
  if (run.rolled_back_at !== null)
    printLine(terminal, `  rolled back at ${run.rolled_back_at}: reads use the other copies`);
}

/** One line: how much of how much, how fast, how long still. */
export function progressOf(run: RunView): string {
  const { planned, copied } = run.bytes;
  const left = run.eta_seconds === null ? '' : `  ${formatSeconds(run.eta_seconds)} left`;
  const rate = run.state === 'running' ? `  ${formatBytes(run.rate_bytes_per_second)}/s${left}` : '';
  return `${formatBytes(copied)} of ${formatBytes(planned)}${rate}`;
}

/** How many objects move at a time: it falls while a store asks for patience. */
export function workersLine(workers: RunView['workers']): string {
  const objects = workers.reduce((sum, { concurrency }) => sum + concurrency, 0);
  const processes = workers.length === 1 ? 'one process' : `${formatCount(workers.length)} processes`;
  return `${processes}, at most ${formatCount(objects)} object${objects === 1 ? '' : 's'} at a time`;
}

export function checkLine({ same, missing, different, errors }: NonNullable<RunView['check']>): string {
  return `= ${formatCount(same)} same   - ${formatCount(missing)} missing   * ${formatCount(different)} different   ! ${formatCount(errors)} not readable`;
}

export function itemLine(item: ItemView): string {
  const bytes = item.bytes === null ? '?' : formatBytes(item.bytes);
  const to = item.destination === null ? '' : `${item.destination.bucket}/${item.destination.key}`;
  const rate = item.rate_bytes_per_second > 0 ? `  ${formatBytes(item.rate_bytes_per_second)}/s` : '';
  const left = item.state === 'copying' && item.eta_seconds !== null ? `  ${formatSeconds(item.eta_seconds)} left` : '';
  const error = item.error === null ? '' : `  ${item.error.code}: ${item.error.message}`;
  return `${item.state.padEnd(11)}  ${bytes.padStart(9)}  ${item.dataset_id}  ${to}${rate}${left}${error}`;
}

/** Whether something of the run is left that a person has to look at. */
export function hasFaults({ counts, state }: RunView): boolean {
  return counts.failed + counts.quarantined > 0 || state === 'failed';
}
