import { sql } from 'drizzle-orm';
import { beforeEach, expect, test } from 'vitest';
import { StorageHistory } from '@/lib/placement/storage-history.ts';
import type { StoreHealth } from '@/lib/placement/store-health.ts';
import { describeDatabase } from '@/tests/support/database.ts';

const HOUR_MS = 3_600_000;
const START = Date.parse('2026-03-01T00:10:00Z');

describeDatabase('the history of the stores', (database) => {
  let now: number;
  let answers: boolean;
  let history: StorageHistory;

  beforeEach(async () => {
    now = START;
    answers = true;
    const base = { provider: 'filesystem', endpoint: null, bucket: 'objects' } as const;
    const own = async (): Promise<StoreHealth[]> => [
      { ...base, role: 'base', ok: answers, circuit: 'closed', error: null, checkedAt: new Date(now) },
    ];
    history = new StorageHistory({ db: database.db, health: { own }, now: () => new Date(now) });
    for (const [id, owner] of [
      ['a', 'ada'],
      ['b', 'ada'],
      ['e', 'eve'],
    ]) {
      await database.db.execute(sql`
        insert into public.training_datasets (id, user_id, name, format, file_size_bytes, storage_path)
        values (${id}, ${owner}, ${id}, 'messages', 100, ${id})`);
    }
    await copy('a', 'ada', { provider: 'filesystem', verified: true });
    await copy('a', 'ada', { provider: 's3', verified: true });
    await copy('b', 'ada', { provider: 'filesystem', verified: true });
    await copy('e', 'eve', { provider: 'filesystem', verified: false });
  });

  function copy(id: string, userId: string, { provider, verified }: { provider: string; verified: boolean }) {
    const verifiedAt = verified ? new Date(START - HOUR_MS).toISOString() : null;
    return database.db.execute(sql`
      insert into longshore.dataset_replicas
        (id, dataset_id, user_id, provider, bucket, object_key, state, size_bytes, verified_at)
      values (${`${provider}-${id}`}, ${id}, ${userId}, ${provider}, 'objects', ${id}, 'completed', 90, ${verifiedAt})`);
  }

  test('tells how many copies datasets have and what lies where, of everybody and of each user', async () => {
    expect(await history.sample()).toEqual({ samples: 3, dropped: 0 });
    expect(await history.list(undefined, 7)).toMatchObject([
      {
        ...{ at: new Date('2026-03-01T00:00:00Z'), datasets: 3, bytes: 300 },
        ...{ noneVerified: 1, oneVerified: 1, twoOrMoreVerified: 1 },
        stores: [
          {
            provider: 'filesystem',
            bucket: 'objects',
            copies: 3,
            bytes: 270,
            bad: 0,
            verified_lately: 2,
            answers: true,
          },
          { provider: 's3', bucket: 'objects', copies: 1, bytes: 90, bad: 0, verified_lately: 1, answers: null },
        ],
      },
    ]);
    const [ada] = await history.list('ada', 7);
    expect(ada).toMatchObject({ datasets: 2, noneVerified: 0, oneVerified: 1, twoOrMoreVerified: 1 });
    const [eve] = await history.list('eve', 7);
    expect(eve).toMatchObject({ datasets: 1, stores: [{ provider: 'filesystem', copies: 1, bytes: 90 }] });
    expect(await history.list('mallory', 7)).toEqual([]);
  });

  test('a later look within the hour takes the place of the earlier, and damage and silence show', async () => {
    await history.sample();
    await database.db.execute(sql`update longshore.dataset_replicas set state = 'corrupt' where id = 'filesystem-b'`);
    answers = false;
    now += HOUR_MS / 2;
    await history.sample();
    expect(await history.list(undefined, 7)).toMatchObject([
      { noneVerified: 2, stores: [{ provider: 'filesystem', copies: 2, bad: 1, answers: false }, { provider: 's3' }] },
    ]);
  });

  test('keeps every hour of a week, then the last of a day, and nothing after ninety days', async () => {
    await database.db.execute(sql`
      insert into longshore.storage_samples
        (user_id, at, datasets, bytes, none_verified, one_verified, two_or_more_verified, stores)
      select 'ada', hour, 1, 1, 0, 0, 1, '[]'::jsonb
      from generate_series(timestamptz '2025-11-21 00:00Z', timestamptz '2026-02-28 23:00Z', interval '1 hour') hour`);
    await history.sample();
    const kept = (await history.list('ada', 400)).map(({ at }) => at.toISOString());
    expect(kept[0]).toBe('2025-12-01T23:00:00.000Z');
    const beforeTheWeek = kept.filter((at) => at < '2026-02-22');
    expect(beforeTheWeek.every((at) => at.includes('T23:00'))).toBe(true);
    expect(beforeTheWeek).toHaveLength(83);
    expect(kept.filter((at) => at >= '2026-02-22T01')).toHaveLength(7 * 24);
  });
});
