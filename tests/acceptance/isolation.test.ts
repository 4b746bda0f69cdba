/**
 * Two users: neither can list, read, preview, sign, delete or guess what is the other's. Every route that names a
 * dataset, an upload or a training job is tried, found in the route files themselves, so that a new one cannot be forgotten.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { projectRoot } from '@/lib/config/entry-points.ts';
import { chatRecords } from '@/tests/support/chat-file.ts';
import { startServer, type TestServer } from '@/tests/support/server.ts';

const DATASETS = '/api/training/dataset';
const UPLOADS = '/api/training/uploads';
let server: TestServer;
/** Keys: `ada` owns everything, `eve` tries. The admin tries too: being admin opens nobody's data. */
const keys: Record<string, string> = {};
let dataset: { id: string; storage_path: string };
let upload: string;
/** Training jobs of ada and of eve, claimed: their ids and tokens. */
const jobs: Record<string, { LONGSHORE_JOB_ID: string; LONGSHORE_JOB_TOKEN: string }> = {};

beforeAll(async () => {
  server = await startServer();
  for (const name of ['ada', 'eve']) {
    const response = await server.fetch('/api/users', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name }),
    });
    keys[name] = (await response.json()).key;
  }
  keys.admin = server.adminKey;
  const made = await as('ada', `${DATASETS}?name=secret-plans`, { method: 'POST', body: chatRecords(5) });
  dataset = (await made.json()).dataset;
  const begun = await as('ada', UPLOADS, {
    method: 'POST',
    headers: { 'tus-resumable': '1.0.0', 'upload-length': '100', 'upload-metadata': `name ${btoa('hidden')}` },
  });
  upload = begun.headers.get('location')?.split('/').at(-1) ?? '';
  const eves = await (await as('eve', `${DATASETS}?name=hers`, { method: 'POST', body: chatRecords(2) })).json();
  await claimJob('ada', dataset.id);
  await claimJob('eve', eves.dataset.id);
  await as('eve', `${DATASETS}/${eves.dataset.id}`, { method: 'DELETE' });
});
afterAll(() => server.stop());

function as(user: string, path: string, init: RequestInit = {}): Promise<Response> {
  return server.fetch(path, { ...init, headers: { authorization: `Bearer ${keys[user]}`, ...init.headers } });
}

async function claimJob(user: string, datasetId: string): Promise<void> {
  const post = (path: string, body: unknown) =>
    as(user, path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  await post('/api/training/jobs', { dataset_id: datasetId });
  jobs[user] = (await (await post('/api/training/jobs/claim', { worker: 'w' })).json()).environment;
}

/** Below app/api: `training/dataset/[id]/preview`, with the methods that the file exports. */
async function routesWithAnId(): Promise<{ path: string; methods: string[]; forJobs: boolean }[]> {
  const api = join(projectRoot(), 'dist', 'app', 'api');
  const files = (await readdir(api, { recursive: true })).filter((file) =>
    /^training\/(dataset|uploads|jobs)\/\[id\].*route\.js$/.test(file),
  );
  return Promise.all(
    files.map(async (file) => {
      const module = await import(join(api, file));
      const methods = Object.keys(module).filter((name) => name === name.toUpperCase());
      const forJobs = methods.every((method) => module[method].endpoint.auth === 'job');
      return { path: `/api/${file.replace(/\/route\.js$/, '')}`, methods, forJobs };
    }),
  );
}

const BODIES: Record<string, RequestInit> = {
  PATCH: { headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name: 'mine now' }) },
};
const TUS: RequestInit = {
  headers: { 'tus-resumable': '1.0.0', 'upload-offset': '0', 'content-type': 'application/offset+octet-stream' },
};

describe('what is ada’s', () => {
  test('is there, for ada', async () => {
    expect((await as('ada', `${DATASETS}/${dataset.id}`)).status).toBe(200);
    const head = await as('ada', `${UPLOADS}/${upload}`, { method: 'HEAD', headers: { 'tus-resumable': '1.0.0' } });
    expect({ status: head.status, offset: head.headers.get('upload-offset') }).toEqual({ status: 200, offset: '0' });
  });

  test.each(['eve', 'admin'])('answers %s as if it did not exist, on every route', async (user) => {
    const routes = (await routesWithAnId()).filter(({ forJobs }) => !forJobs);
    expect(routes.length).toBeGreaterThanOrEqual(12);
    for (const { path, methods } of routes) {
      const isUpload = path.includes('/uploads/');
      const [own, nobodys] = [ownIn(path), '01890000-0000-7000-8000-000000000000'];
      for (const method of methods) {
        const tus = isUpload && !path.endsWith('/result');
        const init: RequestInit = { method, ...(tus ? TUS : BODIES[method]) };
        if (tus && method === 'PATCH') init.body = 'evil';
        const foreign = await as(user, path.replace('[id]', own), init);
        const absent = await as(user, path.replace('[id]', nobodys), init);
        expect({ path, method, status: foreign.status }).toEqual({ path, method, status: 404 });
        expect(await withoutIds(foreign)).toEqual(await withoutIds(absent));
      }
    }
  });

  test('is closed to the token of eve’s job, on every route of workers', async () => {
    const routes = (await routesWithAnId()).filter(({ forJobs }) => forJobs);
    expect(routes.length).toBeGreaterThanOrEqual(6);
    for (const { path, methods } of routes) {
      for (const method of methods) {
        const headers = { authorization: `Bearer ${jobs.eve?.LONGSHORE_JOB_TOKEN}` };
        const response = await server.fetch(path.replace('[id]', ownIn(path)), { method, headers });
        expect({ path, method, status: response.status }).toEqual({ path, method, status: 403 });
      }
    }
    const { job } = await (await as('ada', `/api/training/jobs/${ownIn('/jobs/')}`)).json();
    expect(job).toMatchObject({ state: 'starting', attempt: 1, stage: null });
    expect((await (await as('eve', '/api/training/jobs')).json()).jobs).toHaveLength(1);
    expect((await (await as('admin', '/api/training/jobs')).json()).jobs).toEqual([]);
  });

  test('is not in any list, search, event or storage path of eve', async () => {
    for (const query of ['', '?status=all', '?q=secret', '?q=plans&provider=filesystem', '?limit=200']) {
      expect((await (await as('eve', `${DATASETS}${query}`)).json()).datasets).toEqual([]);
    }
    const stream = await as('eve', '/api/events', { signal: AbortSignal.timeout(1500) });
    expect(stream.status).toBe(200);
    const [text] = await Promise.all([
      stream.text().catch(() => ''),
      as('ada', `${DATASETS}/${dataset.id}/verify`, { method: 'POST' }),
    ]);
    expect(text).not.toContain(dataset.id);
  });

  test('cannot be opened by a signed URL that was changed, nor by its key', async () => {
    const own = await (await as('eve', DATASETS, { method: 'POST', body: chatRecords(2) })).json();
    const { url } = await (await as('eve', `${DATASETS}/${own.dataset.id}/download-url`)).json();
    expect((await fetch(url)).status).toBe(200);
    const swapped = url.replace(own.dataset.storage_path, dataset.storage_path);
    expect(swapped).not.toBe(url);
    expect((await fetch(swapped)).status).toBe(403);
    expect((await as('eve', `/files/${dataset.storage_path}`)).status).toBe(403);
  });

  test('is not reached by an Idempotency-Key of the same name', async () => {
    const request = (user: string, body: string) =>
      as(user, DATASETS, { method: 'POST', body, headers: { 'idempotency-key': 'shared' } });
    const first = await (await request('ada', chatRecords(3))).json();
    const second = await (await request('eve', chatRecords(4))).json();
    expect(second.dataset.id).not.toBe(first.dataset.id);
    expect(second.dataset.total_examples).toBe(4);
  });

  test('is untouched by all of this', async () => {
    const { dataset: still } = await (await as('ada', `${DATASETS}/${dataset.id}`)).json();
    expect(still).toMatchObject({ name: 'secret-plans', status: 'ready', replicas: [{ state: 'completed' }] });
    const head = await as('ada', `${UPLOADS}/${upload}`, { method: 'HEAD', headers: { 'tus-resumable': '1.0.0' } });
    expect(head.headers.get('upload-offset')).toBe('0');
  });

  test('is closed to whoever has no key', async () => {
    for (const { path, methods } of await routesWithAnId()) {
      for (const method of methods) {
        const response = await fetch(server.url + path.replace('[id]', ownIn(path)), { method });
        expect({ path, method, status: response.status }).toEqual({ path, method, status: 401 });
      }
    }
  });
});

/** What of ada's a route is tried on. */
function ownIn(path: string): string {
  if (path.includes('/jobs/')) return jobs.ada?.LONGSHORE_JOB_ID ?? '';
  return path.includes('/uploads/') ? upload : dataset.id;
}

async function withoutIds(response: Response): Promise<unknown> {
  const text = await response.text();
  return text === '' ? '' : { ...JSON.parse(text), request_id: '' };
}
