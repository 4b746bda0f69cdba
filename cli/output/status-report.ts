import { formatBytes, formatCount } from '@/lib/format.ts';
import type { StorageState } from '@/lib/http/api-types.ts';
import { formatTable, paint, printLine, type Terminal } from './terminal.ts';

export function printStatus(terminal: Terminal, view: StorageState): void {
  const { datasets: d } = view;
  printLine(terminal, paint(terminal, 'bold', `${view.phase} since ${view.since.slice(0, 10)}`));
  const copies = [
    `${formatCount(d.two_verified_copies)} with two verified copies`,
    `${formatCount(d.one_verified_copy)} with one`,
    `${formatCount(d.no_verified_copy)} with none`,
  ];
  const all = `${formatCount(d.total)} datasets, ${formatBytes(d.bytes)}`;
  printLine(terminal, `${all}: ${copies.join(', ')}; ${formatCount(d.uploading)} uploading`);
  printStores(terminal, view.stores);
  for (const health of view.health) printHealth(terminal, health);
  printWork(terminal, view);
}

function printStores(terminal: Terminal, stores: StorageState['stores']): void {
  if (stores.length === 0) return;
  const rows = stores.map((store) => [
    store.provider,
    store.bucket,
    formatCount(store.datasets),
    formatBytes(store.bytes),
    formatCount(store.verified_within_30_days),
    store.oldest_verified_at?.slice(0, 10) ?? 'never',
    otherStates(store.replicas),
  ]);
  const header = ['STORE', 'BUCKET', 'DATASETS', 'BYTES', 'VERIFIED 30 D', 'OLDEST', 'NOT COMPLETED'];
  for (const line of formatTable(header, rows, [2, 3, 4])) printLine(terminal, line);
}

function otherStates(replicas: Record<string, number>): string {
  const others = Object.entries(replicas).filter(([state, count]) => state !== 'completed' && count > 0);
  return others.map(([state, count]) => `${formatCount(count)} ${state}`).join(', ') || '-';
}

function printHealth(
  terminal: Terminal,
  { role, provider, bucket, status, circuit, error }: StorageState['health'][0],
) {
  const well = status === 'ok';
  const mark = paint(terminal, well ? 'green' : 'red', well ? '✓' : '✗');
  const fault = error === null ? 'answers' : `does not work (${error})`;
  const watched = circuit === 'closed' ? '' : `, circuit ${circuit.replace('_', ' ')}`;
  printLine(terminal, `${mark} ${role} store, ${provider} ${bucket}: ${fault}${watched}`);
}

function printWork(terminal: Terminal, { pending, host }: StorageState): void {
  for (const { type, queued, running, retrying } of pending) {
    const again = retrying === 0 ? '' : ` (${formatCount(retrying)} tried before)`;
    printLine(terminal, `${type}: ${formatCount(running)} running, ${formatCount(queued)} waiting${again}`);
  }
  if (host === null) return;
  const spool = `${formatCount(host.spool_datasets)} datasets, ${formatBytes(host.spool_bytes)}`;
  printLine(terminal, `spool: ${spool}; ${formatBytes(host.free_bytes)} free`);
}
