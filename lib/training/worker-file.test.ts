import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { WorkerFiles } from './worker-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-workers-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('hands out what a machine was told to run, after an upgrade too', async () => {
  const path = join(folder, 'worker.py');
  const files = new WorkerFiles(join(folder, 'kept'), path);
  await writeFile(path, 'print(1)\n');
  const first = await files.keepCurrent();
  expect(await files.keepCurrent()).toEqual(first);
  await writeFile(path, 'print(2)\n');
  expect((await files.wanted(undefined)).bytes.toString()).toBe('print(2)\n');
  expect(await files.wanted(first.sha256)).toEqual(first);
});

it('answers with the current one for a hash that nobody kept, and for no hash at all', async () => {
  const path = join(folder, 'worker.py');
  await writeFile(path, 'print(3)\n');
  const files = new WorkerFiles(join(folder, 'kept'), path);
  for (const wanted of ['0'.repeat(64), '../worker']) {
    expect((await files.wanted(wanted)).bytes.toString()).toBe('print(3)\n');
  }
});
