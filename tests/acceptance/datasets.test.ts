/** Datasets over HTTP, at a real server: everything a client can do with the own ones. */
import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { DatasetJson } from '@/lib/datasets/dataset.ts';
import { chatRecord, chatRecords } from '@/tests/support/chat-file.ts';
import { startServer, type TestServer } from '@/tests/support/server.ts';

const DATASETS = '/api/training/dataset';
let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');

async function upload(body: string | Uint8Array<ArrayBuffer>, query = '', headers: Record<string, string> = {}) {
  return server.fetch(`${DATASETS}${query}`, { method: 'POST', body, headers });
}

async function made(body: string | Uint8Array<ArrayBuffer>, query = ''): Promise<DatasetJson> {
  const response = await upload(body, query);
  expect(response.status, await response.clone().text()).toBe(201);
  return (await response.json()).dataset;
}

async function getJson(path: string) {
  const response = await server.fetch(path);
  return { status: response.status, body: await response.json() };
}

function form(parts: readonly [string, string | Blob, string?][]): FormData {
  const data = new FormData();
  for (const [name, value, fileName] of parts) {
    if (typeof value === 'string') data.append(name, value);
    else data.append(name, value, fileName);
  }
  return data;
}

const sendForm = (data: FormData) => server.fetch(DATASETS, { method: 'POST', body: data });

describe('uploading', () => {
  test('a form with its words after the file, and the bytes back, equal', async () => {
    const content = chatRecords(3000);
    const file = new Blob([content]);
    const response = await sendForm(
      form([
        ['file', file, 'chats.jsonl'],
        ['name', 'Harbour chats'],
        ['description', 'two\nlines'],
      ]),
    );
    expect(response.status).toBe(201);
    const { dataset } = await response.json();
    expect(response.headers.get('location')).toBe(`${DATASETS}/${dataset.id}`);
    expect(dataset).toMatchObject({
      name: 'Harbour chats',
      description: 'two\nlines',
      format: 'messages',
      kind: 'messages',
      status: 'ready',
      storage_provider: 'filesystem',
      original_size_bytes: content.length,
      content_size_bytes: content.length,
      content_sha256: sha256(content),
      total_examples: 3000,
      replicas: [{ state: 'completed', error: null }],
      metadata: { original_format: 'messages', storage_provider: 'filesystem' },
    });
    const { url, token, provider, expires_at } = (await getJson(`${DATASETS}/${dataset.id}/download-url`)).body;
    expect({ token, provider }).toEqual({ token: 'filesystem-signed', provider: 'filesystem' });
    expect(Date.parse(expires_at) - Date.now()).toBeGreaterThan(7_100_000);
    const object = new Uint8Array(await (await fetch(url)).arrayBuffer());
    expect(sha256(object)).toBe(dataset.object_sha256);
    expect(gunzipSync(object).toString()).toBe(content);
  });

  test('a form whose words come first, and one that says nothing: the name is the file’s, made harmless', async () => {
    const file = new Blob([chatRecords(2)]);
    const first = await sendForm(
      form([
        ['format', 'messages'],
        ['name', 'first'],
        ['file', file, 'a.jsonl'],
      ]),
    );
    expect((await first.json()).dataset).toMatchObject({ name: 'first', format: 'messages' });
    const silent = await sendForm(form([['file', file, '../../etc/pass\u202Ewd\u0007.jsonl']]));
    expect((await silent.json()).dataset.name).toBe('pass wd .jsonl');
  });

  test('a bare body, gzip or not, gives the same content hash', async () => {
    const content = chatRecords(50);
    const plain = await made(content, '?name=plain');
    const packed = await made(new Uint8Array(gzipSync(content)), '?name=packed&filename=x.jsonl.gz');
    expect(packed.content_sha256).toBe(plain.content_sha256);
    expect(packed.name).toBe('packed');
  });

  test.each([
    ['no file', [['name', 'x']], 400, 'file_missing'],
    [
      'two files',
      [
        ['file', new Blob([chatRecords(1)]), 'a'],
        ['more', new Blob([chatRecords(1)]), 'b'],
      ],
      400,
      'too_many_files',
    ],
    [
      'a format that comes after its file',
      [
        ['file', new Blob([chatRecords(1)]), 'a'],
        ['format', 'alpaca'],
      ],
      400,
      'format_after_file',
    ],
    [
      'an unknown format',
      [
        ['format', 'nonsense'],
        ['file', new Blob([chatRecords(1)]), 'a'],
      ],
      400,
      'invalid_request',
    ],
  ] as [string, [string, string | Blob, string?][], number, string][])(
    'a form with %s',
    async (_, parts, status, code) => {
      const response = await sendForm(form(parts));
      expect({ status: response.status, code: (await response.json()).code }).toEqual({ status, code });
    },
  );

  test('a form that breaks off is refused', async () => {
    const headers = { 'content-type': 'multipart/form-data; boundary=xyz' };
    const head = '--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n';
    const response = await server.fetch(DATASETS, { method: 'POST', headers, body: head + chatRecords(5) });
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(response.status).toBeLessThan(500);
  });

  test('validate judges and stores nothing', async () => {
    const before = (await getJson(`${DATASETS}?limit=200`)).body.datasets.length;
    const good = await server.fetch(`${DATASETS}/validate`, { method: 'POST', body: chatRecords(4) });
    expect((await good.json()).report).toMatchObject({ outcome: 'accepted', records: { written: 4 } });
    const bad = await server.fetch(`${DATASETS}/validate`, { method: 'POST', body: '{"messages": 5}\n' });
    expect(bad.status).toBe(200);
    expect((await bad.json()).report).toMatchObject({ outcome: 'rejected' });
    expect((await getJson(`${DATASETS}?limit=200`)).body.datasets).toHaveLength(before);
  });
});

describe('an Idempotency-Key', () => {
  const body = chatRecords(20, 9);

  test('gives the same answer to the same request, and makes one dataset', async () => {
    const first = await upload(body, '?name=once', { 'idempotency-key': 'k-1' });
    const second = await upload(body, '?name=once', { 'idempotency-key': 'k-1' });
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    expect(await second.json()).toEqual(await first.json());
    expect((await getJson(`${DATASETS}?q=once`)).body.datasets).toHaveLength(1);
  });

  test.each([
    ['another body', chatRecords(21, 9), '?name=once'],
    ['another name', body, '?name=twice'],
  ])('refuses %s', async (_what, otherBody, query) => {
    await upload(body, '?name=once', { 'idempotency-key': 'k-1' });
    const response = await upload(otherBody, query, { 'idempotency-key': 'k-1' });
    expect({ status: response.status, code: (await response.json()).code }).toEqual({
      status: 422,
      code: 'idempotency_key_reused',
    });
  });

  test('is free again after a refusal, and is asked to be sensible', async () => {
    expect((await upload('nonsense', '', { 'idempotency-key': 'k-2' })).status).toBe(422);
    expect((await upload(body, '', { 'idempotency-key': 'k-2' })).status).toBe(201);
    expect((await upload(body, '', { 'idempotency-key': 'x'.repeat(300) })).status).toBe(400);
  });

  test('while the first request is under way the second is told to come back', async () => {
    let finish: () => void = () => undefined;
    const slow = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(Buffer.from(chatRecord(0)));
        finish = () => {
          controller.enqueue(Buffer.from(chatRecord(1)));
          controller.close();
        };
      },
    });
    const headers = { 'idempotency-key': 'k-3' };
    const first = server.fetch(DATASETS, { method: 'POST', headers, body: slow, duplex: 'half' } as RequestInit);
    const second = await vi.waitFor(async () => {
      const response = await upload(chatRecord(0) + chatRecord(1), '', headers);
      expect(response.status).toBe(409);
      return response;
    });
    expect(Number(second.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await second.json()).code).toBe('idempotency_in_progress');
    finish();
    expect((await first).status).toBe(201);
    expect((await upload(chatRecord(0) + chatRecord(1), '', headers)).headers.get('idempotency-replayed')).toBe('true');
  });
});

describe('the list', () => {
  test('pages through all, newest first, and finds by name and provider', async () => {
    const names: string[] = [];
    for (let index = 0; index < 5; index += 1)
      names.push((await made(chatRecords(1), `?name=paged-${index}%25_`)).name);
    const seen: string[] = [];
    for (let cursor = ''; ; ) {
      const { body } = await getJson(`${DATASETS}?limit=2&q=PAGED-${cursor}`);
      seen.push(...body.datasets.map((dataset: DatasetJson) => dataset.name));
      if (body.next_cursor === null) break;
      cursor = `&cursor=${body.next_cursor}`;
    }
    expect(seen).toEqual(names.reverse());
    expect((await getJson(`${DATASETS}?q=${encodeURIComponent('-3%_')}`)).body.datasets).toHaveLength(1);
    expect((await getJson(`${DATASETS}?q=paged_3`)).body.datasets).toHaveLength(0);
    expect((await getJson(`${DATASETS}?q=paged&provider=s3`)).body.datasets).toHaveLength(0);
    expect((await getJson(`${DATASETS}?q=paged&provider=filesystem`)).body.datasets).toHaveLength(5);
    expect(await getJson(`${DATASETS}?cursor=bm9uc2Vuc2U`)).toMatchObject({
      status: 400,
      body: { code: 'invalid_cursor' },
    });
  });
});

describe('the list in another order', () => {
  async function paged(order: string): Promise<DatasetJson[]> {
    const seen: DatasetJson[] = [];
    for (let cursor = ''; ; ) {
      const { body } = await getJson(`${DATASETS}?limit=2&q=ordered-${order}${cursor}`);
      seen.push(...body.datasets);
      if (body.next_cursor === null) return seen;
      cursor = `&cursor=${body.next_cursor}`;
    }
  }

  test('pages through all by name, examples and size, both ways, and by kind', async () => {
    const records: Record<string, number> = { b: 3, A: 9, d: 3, C: 1, e: 40 };
    for (const [name, count] of Object.entries(records)) await made(chatRecords(count), `?name=ordered-${name}`);
    const names = async (order: string) => (await paged(order)).map(({ name }) => name.at(-1)).join('');
    expect(await names('&sort=name&order=asc')).toBe('AbCde');
    expect(await names('&sort=name&order=desc')).toBe('edCbA');
    expect((await paged('&sort=examples&order=asc')).map((one) => one.total_examples)).toEqual([1, 3, 3, 9, 40]);
    expect(await names('&sort=created&order=asc')).toBe('bAdCe');
    const sizes = (await paged('&sort=size&order=desc')).map((one) => one.file_size_bytes ?? 0);
    expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
    expect(await names('&kind=messages')).toBe('eCdAb');
    expect(await names('&kind=text')).toBe('');
  });

  test('refuses the cursor of one order for another', async () => {
    const { body } = await getJson(`${DATASETS}?limit=1&sort=name`);
    const other = await getJson(`${DATASETS}?sort=size&cursor=${body.next_cursor}`);
    expect(other).toMatchObject({ status: 400, body: { code: 'invalid_cursor' } });
  });
});

describe('one dataset', () => {
  test('previews any window, gives shards that add up, and samples that repeat', async () => {
    const content = chatRecords(20_000);
    const { id } = await made(content, '?name=big');
    const lines = content.trimEnd().split('\n');
    const page = (await getJson(`${DATASETS}/${id}/preview?offset=12345&limit=3`)).body;
    expect(page).toEqual({
      examples: lines.slice(12_345, 12_348).map((line) => JSON.parse(line)),
      total: 20_000,
      offset: 12_345,
      limit: 3,
    });
    expect((await getJson(`${DATASETS}/${id}/preview?offset=19999`)).body.examples).toHaveLength(1);
    expect((await getJson(`${DATASETS}/${id}/preview?offset=999999`)).body).toMatchObject({
      examples: [],
      total: 20_000,
    });
    const text = async (query: string) => (await server.fetch(`${DATASETS}/${id}/download?${query}`)).text();
    const shards = await Promise.all([0, 1, 2].map((index) => text(`shard=${index}/3`)));
    expect(shards.join('')).toBe(content);
    const sample = await text('sample=100&seed=7');
    expect(sample.trimEnd().split('\n')).toHaveLength(100);
    expect(await text('sample=100&seed=7')).toBe(sample);
    expect(await text('sample=100&seed=8')).not.toBe(sample);
    const numbers = sample
      .trimEnd()
      .split('\n')
      .map((line) => lines.indexOf(line));
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    expect((await server.fetch(`${DATASETS}/${id}/download?shard=3/3`)).status).toBe(400);
  });

  test('keeps numbers that JavaScript cannot hold', async () => {
    const { id } = await made('{"prompt":"p","completion":"c","n":12345678901234567890}\n');
    const response = await server.fetch(`${DATASETS}/${id}/preview`);
    expect(await response.text()).toContain('12345678901234567890');
  });

  test('can be renamed, verified, repaired, fetched and deleted', async () => {
    const dataset = await made(chatRecords(10), '?name=before');
    const path = `${DATASETS}/${dataset.id}`;
    const patch = (json: unknown) =>
      server.fetch(path, {
        method: 'PATCH',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(json),
      });
    const renamed = await patch({ name: ' after\t all ', description: null });
    expect((await renamed.json()).dataset).toMatchObject({ name: 'after all', description: null });
    expect((await patch({ name: '\u200e ' })).status).toBe(400);
    expect((await patch({ storage_path: 'x' })).status).toBe(400);
    const verified = await server.fetch(`${path}/verify`, { method: 'POST' });
    expect(await verified.json()).toMatchObject({ replicas: [{ mark: '=' }], dataset: { id: dataset.id } });
    expect((await server.fetch(`${path}/repair`, { method: 'POST' })).status).toBe(202);
    expect((await getJson(`${path}/report`)).body.report).toMatchObject({
      outcome: 'accepted',
      records: { written: 10 },
    });
    const download = await server.fetch(`${path}/download`);
    expect(download.status).toBe(302);
    expect(download.headers.get('referrer-policy')).toBe('no-referrer');
    const signed = download.headers.get('location') ?? '';
    expect((await fetch(signed, { headers: { range: 'bytes=0-9' } })).status).toBe(206);
    expect((await server.fetch(path, { method: 'DELETE' })).status).toBe(204);
    expect((await server.fetch(path, { method: 'DELETE' })).status).toBe(404);
    expect((await getJson(path)).status).toBe(404);
    await vi.waitFor(async () => expect((await fetch(signed)).status).toBe(404), { timeout: 10_000, interval: 50 });
  });

  test('a URL lives as long as was asked, and not longer than two hours', async () => {
    const { id } = await made(chatRecords(1));
    const { expires_at } = (await getJson(`${DATASETS}/${id}/download-url?expires_in=60`)).body;
    expect(Date.parse(expires_at) - Date.now()).toBeLessThanOrEqual(60_000);
    expect((await getJson(`${DATASETS}/${id}/download-url?expires_in=7201`)).status).toBe(400);
  });
});
