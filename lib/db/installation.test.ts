import { sql } from 'drizzle-orm';
import { beforeEach, expect, test } from 'vitest';
import { describeDatabase } from '@/tests/support/database.ts';
import { installationId } from './installation.ts';
import { installation, phases } from './schema.ts';

const BUILT_AT = new Date('2026-01-02T03:04:05Z');

describeDatabase('the id of the installation', (database) => {
  beforeEach(async () => {
    await database.db.delete(installation);
    await database.db.update(phases).set({ enteredAt: BUILT_AT });
  });

  const firstPhase = async () => (await database.db.select().from(phases))[0]?.enteredAt.getTime();

  test('is made once, by one of those that ask at the same moment', async () => {
    let made = 0;
    const ids = await Promise.all([1, 2, 3].map(() => installationId(database.db, () => `id-${++made}`)));
    expect(new Set(ids).size).toBe(1);
  });

  test('comes with the moment from which the first phase holds: tables may be as old as the build', async () => {
    await installationId(database.db, () => 'first');
    const entered = await firstPhase();
    expect(entered).toBeGreaterThan(BUILT_AT.getTime());
    await database.db.execute(sql`select pg_sleep(0.01)`);
    expect(await installationId(database.db, () => 'second')).toBe('first');
    expect(await firstPhase()).toBe(entered);
  });
});
