import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmod,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bufferBody } from '@/lib/streams/replayable-body.ts';
import { expectCode, listAll, readText } from '@/tests/conformance/storage-service.ts';
import { FilesystemStorageService } from './filesystem-storage-service.ts';
import { FileUrlSigner } from './signed-file-url.ts';

const signer = new FileUrlSigner({ publicUrl: 'http://files.test', keys: [{ id: 'k', secret: randomBytes(32) }] });

describe('FilesystemStorageService', () => {
  let folder: string;
  let root: string;
  let store: FilesystemStorageService;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longshore-fs-'));
    root = join(folder, 'store');
    store = await FilesystemStorageService.open({ root, signer });
  });
  afterEach(() => rm(folder, { recursive: true }));

  const filesIn = async (path: string) => (await readdir(join(root, path), { recursive: true })).sort();

  it('keeps the plain bytes in one file, readable with any tool', async () => {
    await store.put('u/private/d.gz', bufferBody('plain bytes'));
    const data = (await filesIn('u/private')).find((name) => name.endsWith('~d.gz')) ?? '';
    expect(await readFile(join(root, 'u/private', data), 'utf8')).toBe('plain bytes');
  });

  it('keeps one data file and one record, however often a key is written', async () => {
    for (const text of ['one', 'two', 'three']) await store.put('u/d.gz', bufferBody(text));
    expect(await filesIn('u')).toHaveLength(2);
    await store.delete('u/d.gz');
    expect(await filesIn('u')).toEqual([]);
  });

  it('always pairs bytes with their own record while others write and delete', async () => {
    const write = async () => {
      for (let turn = 0; turn < 60; turn += 1) {
        const text = String(turn).repeat(1 + turn * 40);
        await store.put('u/hot', bufferBody(text), {
          metadata: { length: String(text.length), digit: text.slice(0, 1) },
        });
        if (turn % 10 === 9) await store.delete('u/hot');
      }
    };
    let reads = 0;
    let writing = true;
    const read = async () => {
      while (writing) {
        const reader = await store
          .get('u/hot')
          .catch((error) => (error.code === 'not_found' ? undefined : Promise.reject(error)));
        if (reader === undefined) continue;
        const bytes = await buffer(reader.body);
        expect(String(bytes.length)).toBe(reader.stat.metadata.length);
        expect(bytes.toString('utf8', 0, 1)).toBe(reader.stat.metadata.digit);
        reads += 1;
      }
    };
    const readers = [read(), read()];
    await write();
    writing = false;
    await Promise.all(readers);
    expect(reads).toBeGreaterThan(10);
    expect(await filesIn('u')).toEqual([]);
  });

  describe('a full disk', () => {
    const toFullDevice = (which: RegExp) =>
      FilesystemStorageService.open({
        root,
        signer,
        openFile: (path, flags, mode) => (which.test(path) ? open('/dev/full', 'w') : open(path, flags, mode)),
      });

    it.each([
      ['the bytes', /~d\.gz$/],
      ['the record', /\.draft$/],
    ])('at %s is disk_full, and nothing is left behind', async (_what, which) => {
      const full = await toFullDevice(which);
      const error = await expectCode(full.put('u/d.gz', bufferBody(randomBytes(300_000))), 'disk_full');
      expect(error.retry).toBe('never');
      expect(await filesIn('u')).toEqual([]);
    });

    it('leaves the object that was there', async () => {
      await store.put('u/d.gz', bufferBody('before'));
      await expectCode((await toFullDevice(/~d\.gz$/)).put('u/d.gz', bufferBody('after')), 'disk_full');
      expect(await readText(store, 'u/d.gz')).toBe('before');
      expect(await filesIn('u')).toHaveLength(2);
    });
  });

  describe('damage', () => {
    const pathOf = async (pattern: RegExp) =>
      join(root, 'u', (await filesIn('u')).find((name) => pattern.test(name)) ?? '');

    beforeEach(() => store.put('u/d.gz', bufferBody('0123456789')).then());

    it('a data file that was cut is corrupt, not a shorter object', async () => {
      await truncate(await pathOf(/~d\.gz$/), 4);
      await expectCode(store.stat('u/d.gz'), 'corrupt');
      expect((await expectCode(store.get('u/d.gz'), 'corrupt')).retry).toBe('never');
    });

    it('a data file that is gone is corrupt, not an absent object', async () => {
      await rm(await pathOf(/~d\.gz$/));
      await expectCode(store.get('u/d.gz'), 'corrupt');
    });

    it.each(['', '{', '{"version":1}', `{"version":1,"data":"../../etc/passwd"}`])(
      'a record that reads %j is corrupt, listed, and can be replaced or deleted',
      async (text) => {
        const [dataPath, recordPath] = [await pathOf(/~d\.gz$/), await pathOf(/json$/)];
        await writeFile(recordPath, text);
        await expectCode(store.stat('u/d.gz'), 'corrupt');
        expect((await listAll(store, 'u/')).map((object) => object.key)).toEqual(['u/d.gz']);
        await utimes(dataPath, 0, 0);
        expect(await store.sweep()).toBe(0);
        await store.put('u/d.gz', bufferBody('mended'));
        expect(await readText(store, 'u/d.gz')).toBe('mended');
        await writeFile(await pathOf(/json$/), text);
        await store.delete('u/d.gz');
        await expectCode(store.stat('u/d.gz'), 'not_found');
      },
    );

    it('a body that is cut while it is read fails', async () => {
      await store.put('u/long', bufferBody(randomBytes(3_000_000)));
      const { body } = await store.get('u/long');
      await truncate(await pathOf(/~long$/), 1_000_000);
      await expectCode(buffer(body), 'corrupt');
    });

    it('a root that is not the store any more proves nothing about objects', async () => {
      await rm(join(root, '~store.json'));
      await expectCode(store.stat('u/absent'), 'bucket_not_found');
      await expectCode(store.put('u/new', bufferBody('x')), 'bucket_not_found');
      expect(await readText(store, 'u/d.gz')).toBe('0123456789');
    });
  });

  describe('symbolic links', () => {
    beforeEach(async () => {
      await mkdir(join(folder, 'outside'));
      await writeFile(join(folder, 'outside', 'x~.json'), 'secret');
    });

    it('are not followed out of the root, and nothing is made behind them', async () => {
      await symlink(join(folder, 'outside'), join(root, 'u'));
      await expectCode(store.put('u/x', bufferBody('x')), 'forbidden');
      await expectCode(store.put('u/deeper/x', bufferBody('x')), 'forbidden');
      await expectCode(store.get('u/x'), 'forbidden');
      await expectCode(store.delete('u/x'), 'forbidden');
      expect(await listAll(store, '')).toEqual([]);
      expect(await readdir(join(folder, 'outside'))).toEqual(['x~.json']);
    });

    it('are not taken for records or data', async () => {
      await store.put('u/d.gz', bufferBody('good'));
      await symlink(join(folder, 'outside', 'x~.json'), join(root, 'u', 'e.gz~.json'));
      await expectCode(store.stat('u/e.gz'), 'invalid_request');
      expect((await listAll(store, '')).map((object) => object.key)).toEqual(['u/d.gz']);
    });
  });

  describe('leftovers of killed processes', () => {
    it('are swept when nobody has written to them for an hour, and objects stay', async () => {
      await store.put('u/d.gz', bufferBody('stays'));
      const leftover = join(root, 'u', `${'a'.repeat(24)}~d.gz`);
      const draft = join(root, 'u', `${'b'.repeat(24)}~d.gz~.draft`);
      const fresh = join(root, 'u', `${'c'.repeat(24)}~d.gz`);
      for (const path of [leftover, draft, fresh]) await writeFile(path, 'half an obj');
      const old = (Date.now() - 2 * 3_600_000) / 1000;
      for (const path of [leftover, draft]) await utimes(path, old, old);
      expect(await store.sweep()).toBe(2);
      expect(await filesIn('u')).toHaveLength(3);
      expect(await store.sweep({ olderThanMs: 0 })).toBe(1);
      expect(await readText(store, 'u/d.gz')).toBe('stays');
    });

    it('never show as objects: every acknowledged put is whole after kill -9, all else is garbage', async () => {
      for (let round = 0; round < 4; round += 1) {
        const acknowledged = await putUntilKilled(root, `r${round}`, 3 + round * 3);
        const reopened = await FilesystemStorageService.open({ root, signer });
        const listed = await listAll(reopened, `r${round}/`);
        const keys = listed.map((object) => object.key);
        expect(keys).toEqual(expect.arrayContaining(acknowledged));
        expect(keys.length - acknowledged.length).toBeLessThanOrEqual(4);
        for (const { key, sizeBytes } of listed) {
          const { body, stat } = await reopened.get(key);
          const bytes = await buffer(body);
          expect(bytes.length).toBe(sizeBytes);
          expect(bytes.every((byte) => byte === Number(stat.metadata.fill))).toBe(true);
        }
        await reopened.sweep({ olderThanMs: 0 });
        expect(await filesIn(`r${round}`)).toHaveLength(keys.length * 2);
      }
    }, 60_000);
  });

  it('opens under a root that is itself a link, and refuses a file as root', async () => {
    await symlink(root, join(folder, 'linked'));
    const linked = await FilesystemStorageService.open({ root: join(folder, 'linked'), signer });
    await linked.put('u/d', bufferBody('x'));
    expect(await readText(store, 'u/d')).toBe('x');
    await writeFile(join(folder, 'file'), '');
    await expectCode(FilesystemStorageService.open({ root: join(folder, 'file'), signer }), 'already_exists');
  });

  it('makes files and folders that only the owner can read', async () => {
    await store.put('u/d', bufferBody('x'));
    for (const name of await filesIn('u')) {
      const handle = await open(join(root, 'u', name));
      expect((await handle.stat()).mode & 0o777).toBe(0o600);
      await handle.close();
    }
    await chmod(join(root, 'u'), 0o700);
  });
});

/** Starts a process that puts objects without end, kills it after so many acknowledgements, and tells what it was told. */
async function putUntilKilled(root: string, prefix: string, kills: number): Promise<string[]> {
  const script = fileURLToPath(new URL('../../tests/support/endless-puts.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script, root, prefix], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const acknowledged = await acknowledgements(child, kills);
  child.kill('SIGKILL');
  await once(child, 'close');
  return acknowledged();
}

async function acknowledgements(child: ChildProcess, wanted: number): Promise<() => string[]> {
  let text = '';
  await new Promise<void>((resolve) => {
    child.stdout?.on('data', (chunk) => {
      text += chunk;
      if (text.split('\n').length > wanted) resolve();
    });
  });
  // A line is only an acknowledgement when it is whole.
  return () => text.split('\n').slice(0, -1);
}
