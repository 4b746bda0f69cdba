import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KEY_FILE, loadMasterKeys } from './master-key.ts';

describe('the master key', () => {
  let dataDir = '';
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'longshore-key-'));
  });
  afterEach(() => rm(dataDir, { recursive: true }));

  const load = (key?: string, previousKeys: string[] = []) =>
    loadMasterKeys({ dataDir, encryption: { key, previousKeys } });
  const path = () => join(dataDir, KEY_FILE);

  test('is made once, for its owner only, and stays', async () => {
    const first = await load();
    expect((await stat(path())).mode & 0o777).toBe(0o600);
    expect((await readFile(path(), 'utf8')).trim()).toBe(first.current.bytes.toString('hex'));
    expect((await load()).current).toEqual(first.current);
  });

  test('two processes that start at once agree on one', async () => {
    const made = await Promise.all(Array.from({ length: 8 }, () => load()));
    expect(new Set(made.map((keys) => keys.current.id)).size).toBe(1);
  });

  test('comes from the environment where it is set, and then no file is written', async () => {
    const keys = await load('AB'.repeat(32), ['cd'.repeat(32)]);
    expect(keys.current.bytes.toString('hex')).toBe('ab'.repeat(32));
    expect(keys.previous.map((key) => key.bytes.toString('hex'))).toEqual(['cd'.repeat(32)]);
    await expect(stat(path())).rejects.toThrow('ENOENT');
  });

  test('each purpose has a key of its own, the same on every start', async () => {
    const keys = await load('ab'.repeat(32), ['cd'.repeat(32)]);
    const again = await load('ab'.repeat(32));
    const purposes = ['url-signing', 'manifest', 'session', 'job-token'] as const;
    const derived = purposes.map((purpose) => keys.derive(purpose).toString('hex'));
    expect(new Set([...derived, keys.current.bytes.toString('hex')]).size).toBe(5);
    expect(purposes.map((purpose) => again.derive(purpose).toString('hex'))).toEqual(derived);
    expect(keys.derive('session', keys.previous[0])).not.toEqual(keys.derive('session'));
  });

  test('the key id gives nothing of the key away', async () => {
    const { current } = await load('ab'.repeat(32));
    expect('ab'.repeat(32)).not.toContain(current.id);
  });

  test('a damaged key file is told and never replaced', async () => {
    await writeFile(path(), 'half a key', { mode: 0o600 });
    await expect(load()).rejects.toMatchObject({ code: 'invalid_config' });
    expect(await readFile(path(), 'utf8')).toBe('half a key');
  });

  test('a key file that others can read is refused, with the command that mends it', async () => {
    await load();
    await chmod(path(), 0o644);
    await expect(load()).rejects.toThrow(`chmod 600 ${path()}`);
  });
});
