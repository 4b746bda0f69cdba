import { setTimeout as sleep } from 'node:timers/promises';
import { type FurnishedSite, send } from './furnished-site.ts';
import type { Picture } from './pictures.ts';

type Server = FurnishedSite['server'];

interface Run {
  id: string;
  state: string;
}

/** So slow that a run is still under way when the last picture of it is taken. */
const SLOW_BYTES_PER_SECOND = 4096;

/** The Storage screen on the way from base_only with one bucket to everything in S3, in this order. */
export function storagePictures({ server, userKeys }: Pick<FurnishedSite, 'server' | 'userKeys'>): Picture[] {
  return [
    { name: 'storage-base-only', path: '/storage' },
    { name: 'storage-empty', path: '/storage', key: userKeys.get('Grace') },
    { name: 'storage-phase', path: '/storage?tab=phase' },
    {
      name: 'storage-phase-enter',
      path: '/storage?tab=phase',
      prepare: async (page) => {
        await page.getByRole('button', { name: 'Enter Dual write' }).click();
        await page.getByRole('alertdialog').waitFor();
      },
    },
    { name: 'storage-estimate', path: '/storage?tab=estimate' },
    { name: 'storage-migration-none', path: '/storage?tab=migration' },
    {
      name: 'storage-migration-plan',
      path: '/storage?tab=migration',
      prepare: async (page) => {
        await page.getByRole('button', { name: 'Plan a run' }).click();
        await page.getByRole('dialog').waitFor();
      },
    },
    { name: 'storage-migration-running', path: '/storage?tab=migration', arrange: () => startSlowRun(server) },
    { name: 'storage-migration-done', path: '/storage?tab=migration', arrange: () => moveTheRest(server) },
    { name: 'storage-phase-blocked', path: '/storage?tab=phase', arrange: () => enterHybridRead(server) },
    { name: 'storage-overview-two-copies', path: '/storage' },
    { name: 'storage-scrub', path: '/storage?tab=integrity', arrange: () => scrubAll(server) },
    { name: 'storage-orphans', path: '/storage?tab=orphans' },
  ];
}

async function startSlowRun(server: Server): Promise<void> {
  await send(server, 'POST', '/api/storage/phase', { phase: 'dual_write' });
  await startRun(server, { concurrency: 2, bwlimit_bytes_per_second: SLOW_BYTES_PER_SECOND });
}

async function moveTheRest(server: Server): Promise<void> {
  const { migrations } = await read<{ migrations: Run[] }>(server, '/api/storage/migrations');
  for (const { id, state } of migrations) {
    if (state !== 'running') continue;
    await send(server, 'POST', `/api/storage/migrations/${id}/cancel`, {});
    await ended(server, id);
  }
  await ended(server, await startRun(server, {}));
}

async function startRun(server: Server, options: unknown): Promise<string> {
  const { migration } = await send<{ migration: Run }>(server, 'POST', '/api/storage/migrations', options);
  await send(server, 'POST', `/api/storage/migrations/${migration.id}/resume`, {});
  return migration.id;
}

async function ended(server: Server, id: string): Promise<void> {
  const path = `/api/storage/migrations/${id}`;
  await until(async () => {
    const { migration } = await read<{ migration: Run }>(server, path);
    return migration.state === 'completed' || migration.state === 'cancelled';
  });
}

async function enterHybridRead(server: Server): Promise<void> {
  await send(server, 'POST', '/api/storage/phase', { phase: 'hybrid_read' });
}

async function scrubAll(server: Server): Promise<void> {
  await send(server, 'POST', '/api/storage/scrub', { scope: 'all' });
  await until(async () => (await read<{ running: unknown }>(server, '/api/storage/scrub')).running === null);
}

async function read<T>(server: Server, path: string): Promise<T> {
  return (await server.fetch(path)).json() as Promise<T>;
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('The state of the picture was not reached within a minute');
    await sleep(200);
  }
}
