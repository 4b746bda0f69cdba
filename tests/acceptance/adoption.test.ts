import { afterAll, beforeAll, expect, test } from 'vitest';
import { adoptionView, estimateView } from '@/lib/http/adoption-views.ts';
import { startServer, type TestServer } from '@/tests/support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

test('what admins are told has the form that /openapi.json promises', async () => {
  const adoption = await server.fetch('/api/storage/adoption');
  expect(adoption.status).toBe(200);
  expect(adoptionView.parse(await adoption.json())).toMatchObject({ applied_at: null, datasets: { total: 0 } });
  await server.fetch('/api/training/dataset?name=a', {
    method: 'POST',
    body: '{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}\n',
  });
  const estimate = await server.fetch('/api/storage/estimate?bytes_per_second=1000&s3_put_per_1000=1000');
  expect(estimate.status).toBe(200);
  expect(estimateView.parse(await estimate.json())).toMatchObject({
    to_copy: { datasets: 1 },
    time: { source: 'stated', bytes_per_second: 1000 },
    cost: { source_egress_usd: 0, prices: { s3_put_per_1000: 1000 } },
  });
});

test('the list of problems is paged, and refuses a cursor that is none', async () => {
  const page = await server.fetch('/api/storage/adoption/problems?limit=1');
  expect(await page.json()).toEqual({ problems: [], next_cursor: null });
  const refused = await server.fetch('/api/storage/adoption/problems?cursor=none');
  expect(refused.status).toBe(400);
  expect(await refused.json()).toMatchObject({ code: 'invalid_cursor' });
});

test('a rate or price that is none is refused', async () => {
  for (const query of ['bytes_per_second=0', 'source_egress_per_gb=-1', 'users=x']) {
    expect((await server.fetch(`/api/storage/estimate?${query}`)).status).toBe(400);
  }
});

test('others are told nothing', async () => {
  const added = await server.fetch('/api/users', {
    method: 'POST',
    body: JSON.stringify({ name: 'bob' }),
    headers: { 'content-type': 'application/json' },
  });
  const { key } = (await added.json()) as { key: string };
  const headers = { authorization: `Bearer ${key}` };
  for (const path of ['/api/storage/adoption', '/api/storage/adoption/problems', '/api/storage/estimate'])
    expect((await server.fetch(path, { headers })).status).toBe(403);
});
