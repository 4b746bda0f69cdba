/** What the installation says of itself: where datasets are, how the stores fare, and who may see or change what. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { DatasetJson } from '@/lib/datasets/dataset.ts';
import { runCli } from '@/tests/support/cli.ts';
import { type Person, TwoStores } from '@/tests/support/two-stores.ts';

let stores: TwoStores;
let other: Person;
let dataset: DatasetJson;

beforeAll(async () => {
  stores = await TwoStores.start();
  other = await stores.addPerson('other');
  await stores.giveBucket();
  await stores.enter('dual_write');
  dataset = await stores.settled(await stores.upload(), ['s3', 'supabase']);
});
afterAll(() => stores.close());

async function get(path: string, person = stores.admin) {
  const answer = await stores.server.fetch(path, { headers: { authorization: `Bearer ${person.key}` } });
  expect(answer.status).toBe(200);
  return answer.json();
}

describe('GET /api/storage/status', () => {
  test('an admin sees every store, what lies there and how it answers', async () => {
    const status = await get('/api/storage/status');
    expect(status).toMatchObject({
      phase: 'dual_write',
      datasets: { total: 1, uploading: 0, no_verified_copy: 0, one_verified_copy: 0, two_verified_copies: 1 },
      host: { spool_datasets: expect.any(Number), free_bytes: expect.any(Number) },
    });
    expect(status.stores.map((store: { provider: string }) => store.provider).sort()).toEqual(['s3', 'supabase']);
    for (const store of status.stores) {
      expect(store).toMatchObject({ datasets: 1, bytes: dataset.file_size_bytes, verified_within_30_days: 1 });
      expect(store.replicas).toMatchObject({ completed: 1, pending: 0, missing: 0 });
      expect(Date.parse(store.oldest_verified_at)).toBeGreaterThan(Date.parse(dataset.created_at ?? ''));
    }
    expect(status.health).toContainEqual(
      expect.objectContaining({ role: 'base', provider: 'supabase', status: 'ok', circuit: 'closed' }),
    );
  });

  test('others see what is theirs, and nothing of the machine', async () => {
    const status = await get('/api/storage/status', other);
    expect(status).toMatchObject({ datasets: { total: 0 }, stores: [], pending: [], host: null });
  });
});

describe('/api/storage/phase', () => {
  test('an admin sees history, the gates of the next phase, and what going back means', async () => {
    const view = await get('/api/storage/phase');
    expect(view).toMatchObject({
      phase: 'dual_write',
      next: { phase: 'hybrid_read', ok: true, gates: [{ code: 'new_copies_verified', have: 1, need: 1 }] },
      previous: { phase: 'base_only', to_copy: { datasets: 0, bytes: 0 } },
    });
    expect(view.history.map((entry: { phase: string }) => entry.phase)).toEqual(['dual_write', 'base_only']);
    expect(view.previous.consequences.length).toBeGreaterThan(1);
  });

  test('others see the phase alone, and may not change it', async () => {
    const view = await get('/api/storage/phase', other);
    expect(view).toMatchObject({ phase: 'dual_write', history: [], next: null, previous: null });
    const refused = await stores.server.fetch('/api/storage/phase', {
      method: 'POST',
      headers: { authorization: `Bearer ${other.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ phase: 'base_only' }),
    });
    expect(refused.status).toBe(403);
  });
});

describe('longshore phase and longshore status', () => {
  const run = async (...args: string[]) => {
    const env = { LONGSHORE_URL: stores.server.url, LONGSHORE_API_KEY: stores.server.adminKey };
    const { code, stdout, stderr } = await runCli([...args, '--json'], env);
    return { code, answer: stdout === '' ? stderr : JSON.parse(stdout) };
  };

  test('check, enter, be refused, step back; the exit code says whether a gate blocks', async () => {
    expect(await run('phase', '--check', 'hybrid_read')).toMatchObject({ code: 0, answer: { ok: true } });
    expect(await run('phase', 'set', 'hybrid_read')).toMatchObject({ code: 0, answer: { phase: 'hybrid_read' } });
    const check = await run('phase', '--check', 's3_primary');
    expect(check).toMatchObject({ code: 1, answer: { ok: false } });
    const standing = check.answer.gates.filter((gate: { ok: boolean }) => !gate.ok);
    expect(standing.map((gate: { remedy: string }) => gate.remedy)).toEqual([
      expect.stringContaining('Wait until'),
      'longshore phase set s3_primary --confirm',
    ]);
    const refused = await run('phase', 'set', 's3_primary', '--confirm');
    expect(refused).toMatchObject({ code: 1, answer: { error: { code: 'phase_blocked' } } });
    expect(await run('phase', 'back', '--reason', 'a test')).toMatchObject({
      code: 0,
      answer: { phase: 'dual_write', history: [{ reason: 'a test', actor: 'local' }, {}, {}, {}] },
    });
    expect(await run('status')).toMatchObject({ code: 0, answer: { phase: 'dual_write' } });
  });
});

test('/readyz: degraded while a store is silent and another lives, ready again when it is back', async () => {
  const ready = async () => (await fetch(`${stores.server.url}/readyz`)).json();
  expect(await ready()).toMatchObject({ status: 'ready', stores: { base_store: 'ok', user_buckets: 'ok' } });
  await stores.supabase.stop();
  const wait = { timeout: 60_000, interval: 200 };
  await vi.waitFor(async () => expect(await ready()).toMatchObject({ status: 'degraded' }), wait);
  expect((await fetch(`${stores.server.url}/readyz`)).status).toBe(200);
  expect((await ready()).stores).toEqual({ base_store: 'failed', user_buckets: 'ok' });
  await stores.supabase.start();
  await vi.waitFor(async () => expect(await ready()).toMatchObject({ status: 'ready' }), wait);
}, 150_000);
