import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DataDirLock } from './data-dir-lock.ts';

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'longshore-lock-'));
});
afterEach(() => rm(dataDir, { recursive: true }));

/** A process that surely lives and is not this one. */
const ALIVE = process.ppid;
const take = (pid: number, waitMs = 0) => DataDirLock.acquire(dataDir, { pid, url: 'http://127.0.0.1:3000', waitMs });

test('a second holder is told who has it and where, without waiting', async () => {
  const lock = await take(ALIVE);
  await expect(take(process.pid, 3_600_000)).rejects.toMatchObject({
    code: 'data_dir_locked',
    hint: expect.stringContaining('http://127.0.0.1:3000'),
    details: { data_dir: dataDir, pid: ALIVE, host: hostname(), url: 'http://127.0.0.1:3000' },
  });
  await lock.release();
  await (await take(process.pid)).release();
});

test('waits for a holder that is dead but not yet gone', async () => {
  const lock = await take(process.pid);
  const next = take(process.pid, 20_000);
  await lock.release();
  await (await next).release();
});

test('gives up on it after its time', async () => {
  const lock = await take(process.pid);
  await expect(take(process.pid, 0)).rejects.toMatchObject({ code: 'data_dir_locked' });
  await lock.release();
});

test('what an earlier holder wrote does not keep anybody out', async () => {
  await writeFile(join(dataDir, 'lock.json'), JSON.stringify({ pid: ALIVE, host: hostname(), url: null, since: '' }));
  await (await take(process.pid)).release();
  await writeFile(join(dataDir, 'lock.json'), '{half');
  await (await take(process.pid)).release();
});

test('a place that cannot be written is named', async () => {
  const file = join(dataDir, 'file');
  await writeFile(file, '');
  await chmod(file, 0o600);
  const below = DataDirLock.acquire(join(file, 'data'), { pid: 1, url: null, waitMs: 0 });
  await expect(below).rejects.toMatchObject({ code: 'data_dir_unusable' });
});
