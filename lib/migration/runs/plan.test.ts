import { describe, expect, test } from 'vitest';
import { GET as getItems } from '@/app/api/storage/migrations/[id]/items/route.ts';
import { GET as getRun } from '@/app/api/storage/migrations/[id]/route.ts';
import { GET as listRuns, POST as planRun } from '@/app/api/storage/migrations/route.ts';
import { trainingDatasets } from '@/lib/db/schema.ts';
import { testApplication } from '@/tests/support/application.ts';

const PATH = '/api/storage/migrations';

describe('planning a migration', () => {
  const lab = testApplication();

  test('every living dataset gets a row, and who has no bucket is told what to do', async () => {
    await lab.app.database.db.insert(trainingDatasets).values(
      Array.from({ length: 3 }, (_, i) => {
        return { id: `d${i}`, userId: 'u', name: `n${i}`, format: 'messages', storagePath: `u/private/d${i}.jsonl.gz` };
      }),
    );
    const planned = await lab.call(planRun, { method: 'POST', path: PATH, json: {} });
    expect(planned.status).toBe(201);
    const { migration } = await planned.json();
    expect(migration).toMatchObject({ state: 'planned', items_total: 3, counts: { skipped: 3, pending: 0 } });
    expect(migration.errors).toMatchObject([{ code: 'no_bucket', count: 3 }]);
    const id = { id: migration.id };
    const shown = await lab.call(getRun, { path: `${PATH}/${migration.id}`, params: id });
    expect(await shown.json()).toEqual({ migration });
    const first = await lab.call(getItems, { path: `${PATH}/${migration.id}/items?limit=2`, params: id });
    const page = await first.json();
    expect(page.items.map((item: { dataset_id: string }) => item.dataset_id)).toEqual(['d0', 'd1']);
    const rest = await lab.call(getItems, {
      path: `${PATH}/${migration.id}/items?limit=2&cursor=${page.next_cursor}`,
      params: id,
    });
    expect(await rest.json()).toMatchObject({ items: [{ dataset_id: 'd2', state: 'skipped' }], next_cursor: null });
  });

  test('runs are listed newest first, page by page', async () => {
    const second = await (await lab.call(planRun, { method: 'POST', path: PATH, json: { min_bytes: 1 } })).json();
    const newest = await (await lab.call(listRuns, { path: `${PATH}?limit=1` })).json();
    expect(newest.migrations).toMatchObject([{ id: second.migration.id, items_total: 0, options: { min_bytes: 1 } }]);
    const older = await (await lab.call(listRuns, { path: `${PATH}?limit=1&cursor=${newest.next_cursor}` })).json();
    expect(older.migrations).toMatchObject([{ items_total: 3 }]);
  });

  test('an unknown run is not found', async () => {
    const response = await lab.call(getRun, { path: `${PATH}/none`, params: { id: 'none' } });
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: 'migration_not_found' });
  });
});
