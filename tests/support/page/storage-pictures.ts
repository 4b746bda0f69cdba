import { setTimeout as sleep } from 'node:timers/promises';
import { type FurnishedSite, send } from './furnished-site.ts';
import type { Picture } from './pictures.ts';

type Server = FurnishedSite['server'];
type Parts = Pick<FurnishedSite, 'server' | 's3'>;

interface Run {
  id: string;
  state: string;
}

/** So slow that a run is still under way when the last picture of it is taken; then the throttle is taken off. */
const SLOW_BYTES_PER_SECOND = 20_000;

/** The Storage screen on the way from base_only with one bucket to everything in S3, in this order. */
export function storagePictures({ server, s3, userKeys }: Partial<Parts> & Pick<FurnishedSite, 'userKeys'>): Picture[] {
  const by = (arrange: (parts: Parts) => Promise<void>) => async () => {
    if (server === undefined || s3 === undefined) throw new Error('A picture needs a server to be arranged');
    await arrange({ server, s3 });
  };
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
    { name: 'storage-migration-running', path: '/storage?tab=migration', arrange: by(startSlowRun) },
    { name: 'storage-migration-done', path: '/storage?tab=migration', arrange: by(letItEnd) },
    { name: 'storage-phase-blocked', path: '/storage?tab=phase', arrange: by(enterHybridRead) },
    { name: 'storage-overview-two-copies', path: '/storage' },
    { name: 'storage-scrub', path: '/storage?tab=integrity', arrange: by(scrubAll) },
    { name: 'storage-orphans', path: '/storage?tab=orphans' },
  ];
}

async function startSlowRun({ server, s3 }: Parts): Promise<void> {
  await send(server, 'POST', '/api/storage/phase', { phase: 'dual_write' });
  s3.throttle.set({ upBytesPerSecond: SLOW_BYTES_PER_SECOND });
  const { migration } = await send<{ migration: Run }>(server, 'POST', '/api/storage/migrations', { concurrency: 2 });
  await send(server, 'POST', `/api/storage/migrations/${migration.id}/resume`, {});
}

async function letItEnd({ server, s3 }: Parts): Promise<void> {
  s3.throttle.set({});
  await until(async () => {
    const { migrations } = await read<{ migrations: Run[] }>(server, '/api/storage/migrations');
    return migrations.every(({ state }) => state === 'completed');
  });
}

async function enterHybridRead({ server }: Parts): Promise<void> {
  await send(server, 'POST', '/api/storage/phase', { phase: 'hybrid_read' });
}

async function scrubAll({ server }: Parts): Promise<void> {
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
