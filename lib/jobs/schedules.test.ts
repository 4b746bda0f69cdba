import { eq, sql } from 'drizzle-orm';
import { expect, test } from 'vitest';
import { schedules } from '@/lib/db/schema.ts';
import { describeDatabase } from '@/tests/support/database.ts';
import { JobQueue } from './queue.ts';
import { Schedules } from './schedules.ts';

describeDatabase('schedules', (database) => {
  const queue = () => new JobQueue(database.db);
  const make = () => new Schedules(database.db, queue());
  const daily = { name: 'scrub', jobType: 'scrub', everyMs: 86_400_000, payload: { share: 1 } };
  const rewind = (hours: number) =>
    database.db
      .update(schedules)
      .set({ nextRunAt: sql`now() - ${hours} * interval '1 hour'` })
      .where(eq(schedules.name, 'scrub'));

  test('each due run is enqueued once, however many processes tick', async () => {
    await Promise.all(Array.from({ length: 4 }, () => make().ensure(daily)));
    const names = await Promise.all(Array.from({ length: 8 }, () => make().tick()));
    expect(names.flat()).toEqual(['scrub']);
    expect(await queue().list()).toMatchObject([{ type: 'scrub', payload: { share: 1 }, state: 'queued' }]);
    expect(await make().tick()).toEqual([]);
  });

  test('runs that were missed are made up for by one', async () => {
    await make().ensure(daily);
    await rewind(24 * 7);
    expect(await make().tick()).toEqual(['scrub']);
    expect(await make().tick()).toEqual([]);
    const [row] = await database.db.select().from(schedules);
    expect((row?.nextRunAt.getTime() ?? 0) - (row?.lastRunAt?.getTime() ?? 0)).toBe(daily.everyMs);
  });

  test('a run that is still open is not queued a second time', async () => {
    await make().ensure(daily);
    await make().tick();
    await rewind(1);
    await make().tick();
    expect(await queue().list()).toHaveLength(1);
  });

  test('starting again does not make a schedule due; a shorter interval counts from now', async () => {
    await make().ensure(daily);
    await make().tick();
    await make().ensure(daily);
    expect(await make().tick()).toEqual([]);
    await make().ensure({ ...daily, everyMs: 1000, payload: { share: 2 } });
    const [row] = await database.db.select().from(schedules);
    expect(row).toMatchObject({ everyMs: 1000, payload: { share: 2 } });
    expect((row?.nextRunAt.getTime() ?? 0) - (row?.lastRunAt?.getTime() ?? 0)).toBeLessThan(60_000);
    await make().remove('scrub');
    expect(await database.db.select().from(schedules)).toEqual([]);
  });
});
