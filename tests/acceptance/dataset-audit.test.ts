/** What was done to a dataset stands in the audit log: by whom, to what, by which request, and without any address. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { chatRecords } from '@/tests/support/chat-file.ts';
import { startServer, type TestServer } from '@/tests/support/server.ts';

const DATASETS = '/api/training/dataset';

interface Entry {
  actor: string;
  action: string;
  subject: string;
  request_id: string | null;
  details: Record<string, unknown> | null;
}

let dataDir: string;
let server: TestServer;
const keys: Record<string, string> = {};

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'longshore-audit-'));
  server = await startServer({ DATA_DIR: dataDir });
  for (const name of ['ada', 'eve']) {
    const headers = { 'content-type': 'application/json' };
    const answer = await server.fetch('/api/users', { method: 'POST', headers, body: JSON.stringify({ name }) });
    keys[name] = (await answer.json()).key;
  }
});
afterAll(async () => {
  await server.stop();
  await rm(dataDir, { recursive: true, force: true, maxRetries: 20 });
});

async function as(user: string, path: string, init: RequestInit = {}): Promise<Response> {
  const answer = await server.fetch(path, {
    ...init,
    headers: { authorization: `Bearer ${keys[user]}`, ...init.headers },
  });
  expect(answer.status).toBeLessThan(400);
  return answer;
}

async function entries(user: string): Promise<Entry[]> {
  return (await (await as(user, '/api/audit?area=dataset&limit=100')).json()).entries;
}

test('everything from upload to deletion is written down, for its owner and for admins alone', async () => {
  const made = await as('ada', `${DATASETS}?name=tides`, { method: 'POST', body: chatRecords(12) });
  const { id } = (await made.json()).dataset;
  const one = `${DATASETS}/${id}`;
  const headers = { 'content-type': 'application/json' };
  await as('ada', one, { method: 'PATCH', headers, body: JSON.stringify({ name: 'ebb' }) });
  const link = await (await as('ada', `${one}/download-url`)).json();
  await as('ada', `${one}/download-url`);
  await (await as('ada', `${one}/download?shard=0/2`)).text();
  await as('ada', `${one}/verify`, { method: 'POST' });
  await as('ada', `${one}/repair`, { method: 'POST' });
  const removal = await as('ada', one, { method: 'DELETE', headers: { 'x-request-id': 'removal-of-tides' } });
  expect(removal.status).toBe(204);

  await vi.waitFor(async () => expect(await entries('ada')).toHaveLength(7), { timeout: 10_000 });
  const found = await entries('ada');
  const details = Object.fromEntries(found.map((entry) => [entry.action, entry.details]));
  expect(details).toEqual({
    'dataset.created': { name: 'tides', kind: 'messages', examples: 12 },
    'dataset.updated': { name: 'ebb', changed: ['name'] },
    'dataset.link_made': { provider: 'filesystem', times: 2 },
    'dataset.exported': { shard: '0/2' },
    'dataset.verified': { copies: 1, intact: 1 },
    'dataset.repair_asked': null,
    'dataset.deleted': { name: 'ebb' },
  });
  const [first] = found;
  expect(new Set(found.map(({ actor, subject }) => `${actor} ${subject}`))).toEqual(new Set([`${first?.actor} ${id}`]));
  expect(found.every((entry) => entry.request_id !== null)).toBe(true);
  expect(found.find(({ action }) => action === 'dataset.deleted')?.request_id).toBe('removal-of-tides');
  expect(JSON.stringify(found)).not.toContain('http');
  expect(JSON.stringify(found)).not.toContain(new URL(link.url).search.slice(1));

  expect(await entries('eve')).toEqual([]);
  const all = await (await server.fetch('/api/audit?area=dataset&limit=100')).json();
  expect(all.entries).toHaveLength(7);
}, 30_000);

test('what is refused leaves no entry, and what was gathered when the server stops is not lost', async () => {
  const made = await as('eve', `${DATASETS}?name=hers`, { method: 'POST', body: chatRecords(2) });
  const { id } = (await made.json()).dataset;
  const refused = await server.fetch(`${DATASETS}/${id}/download-url`);
  expect(refused.status).toBe(404);
  await as('eve', `${DATASETS}/${id}/download-url`);
  await server.stop();
  server = await startServer({ DATA_DIR: dataDir });
  expect((await entries('eve')).map(({ action }) => action)).toEqual(['dataset.link_made', 'dataset.created']);
}, 60_000);
