/** TUS uploads at a real server: the protocol, interruptions, kills, and the result that survives them. */
import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { Upload } from 'tus-js-client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { chatRecords } from '@/tests/support/chat-file.ts';
import { dataRemains } from '@/tests/support/data-remains.ts';
import { startServer, type TestServer } from '@/tests/support/server.ts';

const UPLOADS = '/api/training/uploads';
let server: TestServer;

beforeAll(async () => {
  server = await startServer({ MAX_UPLOAD_BYTES: '20000000' });
});
afterAll(() => server.stop());

const encoded = (words: Record<string, string>) =>
  Object.entries(words)
    .map(([name, value]) => `${name} ${Buffer.from(value).toString('base64')}`)
    .join(',');

function tus(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: string | Uint8Array<ArrayBuffer>,
  on = server,
) {
  return on.fetch(path, { method, headers: { 'tus-resumable': '1.0.0', ...headers }, body });
}

async function begin(length: number, words: Record<string, string> = {}, on = server): Promise<string> {
  const response = await tus(
    'POST',
    UPLOADS,
    { 'upload-length': String(length), 'upload-metadata': encoded({ name: 'tus', ...words }) },
    undefined,
    on,
  );
  expect(response.status).toBe(201);
  return response.headers.get('location') ?? '';
}

const patch = (path: string, offset: number, body: string | Uint8Array<ArrayBuffer>, on = server) =>
  tus('PATCH', path, { 'upload-offset': String(offset), 'content-type': 'application/offset+octet-stream' }, body, on);

async function resultOf(path: string, on = server) {
  return vi.waitFor(
    async () => {
      const result = await (await on.fetch(`${path}/result`)).json();
      expect(['ready', 'failed', 'expired']).toContain(result.status);
      return result;
    },
    { timeout: 60_000, interval: 50 },
  );
}

async function contentOf(id: string, on: TestServer): Promise<string> {
  const { url } = await (await on.fetch(`/api/training/dataset/${id}/download-url`)).json();
  return gunzipSync(new Uint8Array(await (await fetch(url)).arrayBuffer())).toString();
}

describe('the protocol', () => {
  test('says what it can do', async () => {
    const response = await tus('OPTIONS', UPLOADS);
    expect(response.status).toBe(204);
    expect(response.headers.get('tus-extension')).toBe(
      'creation,creation-with-upload,creation-defer-length,termination,expiration',
    );
    expect(response.headers.get('tus-max-size')).toBe('20000000');
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
  });

  test('in pieces, with a wrong offset on the way, becomes a dataset', async () => {
    const content = chatRecords(500);
    const path = await begin(content.length, { name: 'in pieces', description: 'd', filename: 'x.jsonl' });
    expect((await patch(path, 0, content.slice(0, 1000))).headers.get('upload-offset')).toBe('1000');
    const wrong = await patch(path, 0, 'again');
    expect({ status: wrong.status, code: (await wrong.json()).code }).toEqual({
      status: 409,
      code: 'upload_offset_conflict',
    });
    const head = await tus('HEAD', path);
    expect(head.headers.get('upload-offset')).toBe('1000');
    expect(head.headers.get('upload-length')).toBe(String(content.length));
    expect(head.headers.get('cache-control')).toBe('no-store');
    expect(await (await server.fetch(`${path}/result`)).json()).toEqual({ status: 'receiving' });
    expect((await patch(path, 1000, content.slice(1000))).status).toBe(204);
    const { status, dataset_id } = await resultOf(path);
    expect(status).toBe('ready');
    const { dataset } = await (await server.fetch(`/api/training/dataset/${dataset_id}`)).json();
    expect(dataset).toMatchObject({ name: 'in pieces', description: 'd', total_examples: 500 });
    expect(await contentOf(dataset_id, server)).toBe(content);
    await vi.waitFor(async () => expect((await dataRemains(server.dataDir)).uploads).toEqual([]));
  });

  test('with the client that the page and the command line use', async () => {
    const content = Buffer.from(chatRecords(3000));
    const url = await new Promise<string>((resolve, reject) => {
      const upload = new Upload(content as unknown as Blob, {
        endpoint: `${server.url}${UPLOADS}`,
        headers: { authorization: `Bearer ${server.adminKey}` },
        chunkSize: 50_000,
        metadata: { name: 'by client' },
        onSuccess: () => resolve(upload.url ?? ''),
        onError: reject,
      });
      upload.start();
    });
    const { dataset_id } = await resultOf(new URL(url).pathname);
    const { dataset } = await (await server.fetch(`/api/training/dataset/${dataset_id}`)).json();
    expect(dataset.content_sha256).toBe(createHash('sha256').update(content).digest('hex'));
  });

  test('a length that is told later, and a body with the creation', async () => {
    const content = chatRecords(10);
    const created = await tus(
      'POST',
      UPLOADS,
      {
        'upload-defer-length': '1',
        'content-type': 'application/offset+octet-stream',
        'upload-metadata': encoded({ name: 'deferred' }),
      },
      content.slice(0, 100),
    );
    expect({ status: created.status, offset: created.headers.get('upload-offset') }).toEqual({
      status: 201,
      offset: '100',
    });
    const path = created.headers.get('location') ?? '';
    const headers = {
      'upload-offset': '100',
      'content-type': 'application/offset+octet-stream',
      'upload-length': String(content.length),
    };
    expect((await tus('PATCH', path, headers, content.slice(100))).status).toBe(204);
    expect(await resultOf(path)).toMatchObject({ status: 'ready' });
  });

  test.each([
    ['a file that is too large', { 'upload-length': '20000001' }, 413, 'upload_too_large'],
    ['no length', {}, 400, 'invalid_request'],
    [
      'an unknown format',
      { 'upload-length': '10', 'upload-metadata': encoded({ format: 'nonsense' }) },
      400,
      'invalid_request',
    ],
    ['another version', { 'upload-length': '10', 'tus-resumable': '0.2.1' }, 400, 'invalid_request'],
  ])('refuses %s, as a problem document', async (_what, headers, status, code) => {
    const response = await tus('POST', UPLOADS, headers as unknown as Record<string, string>);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(response.headers.get('tus-resumable')).toBe('1.0.0');
    expect({ status: response.status, code: (await response.json()).code }).toEqual({ status, code });
  });

  test('more bytes than were announced are not taken', async () => {
    const path = await begin(10);
    expect((await patch(path, 0, 'x'.repeat(11))).status).toBe(413);
    expect((await tus('HEAD', path)).headers.get('upload-offset')).toBe('0');
    expect((await tus('DELETE', path)).status).toBe(204);
    expect((await tus('HEAD', path)).status).toBe(404);
  });

  test('a bad file fails with its findings, for as long as anybody asks', async () => {
    const path = await begin(9);
    expect((await patch(path, 0, '{"a":"b"}')).status).toBe(204);
    const { status, problem } = await resultOf(path);
    expect(status).toBe('failed');
    expect(problem).toMatchObject({ status: 422, code: 'dataset_invalid', errors: [{ line: 1 }] });
    expect((await tus('DELETE', path)).status).toBe(409);
    expect((await dataRemains(server.dataDir)).uploads).toEqual([]);
  });

  test('an empty file fails too', async () => {
    expect(await resultOf(await begin(0))).toMatchObject({ status: 'failed', problem: { code: 'dataset_invalid' } });
  });
});

describe('interruptions', () => {
  test('a lost connection keeps what arrived', async () => {
    const content = chatRecords(20_000);
    const path = await begin(content.length);
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    const lines = [
      `PATCH ${path} HTTP/1.1`,
      'Host: x',
      `Authorization: Bearer ${server.adminKey}`,
      'Tus-Resumable: 1.0.0',
    ];
    const more = [
      'Content-Type: application/offset+octet-stream',
      'Upload-Offset: 0',
      `Content-Length: ${content.length}`,
    ];
    socket.write(`${[...lines, ...more].join('\r\n')}\r\n\r\n${content.slice(0, 300_000)}`);
    await vi.waitFor(async () => expect(await offsetOf(path)).toBeGreaterThan(0), { timeout: 20_000 });
    socket.destroy();
    const offset = await offsetOf(path);
    expect((await patchWhenFree(path, content)).status).toBe(204);
    expect(offset).toBeLessThanOrEqual(300_000);
    const { dataset_id } = await resultOf(path);
    expect(await contentOf(dataset_id, server)).toBe(content);
  });

  /** The old request may hold the upload until the server notices that its client is gone. */
  async function patchWhenFree(path: string, content: string): Promise<Response> {
    return vi.waitFor(
      async () => {
        const offset = await offsetOf(path);
        const response = await patch(path, offset, content.slice(offset));
        expect(response.status).toBe(204);
        return response;
      },
      { timeout: 20_000 },
    );
  }

  async function offsetOf(path: string): Promise<number> {
    return Number((await tus('HEAD', path)).headers.get('upload-offset'));
  }
});

describe('kill -9', () => {
  test('in the middle of receiving, after the last byte, and while processing: the upload goes on', async () => {
    const content = chatRecords(60_000);
    let current = await startServer();
    const restart = async () => {
      await current.kill9();
      current = await startServer({ DATA_DIR: current.dataDir });
    };
    try {
      const half = Math.floor(content.length / 2);
      const path = await begin(content.length, {}, current);
      expect((await patch(path, 0, content.slice(0, half), current)).status).toBe(204);
      await restart();
      expect((await tus('HEAD', path, {}, undefined, current)).headers.get('upload-offset')).toBe(String(half));
      expect((await patch(path, half, content.slice(half), current)).status).toBe(204);
      // The answer to the last byte was given: whatever happens now, the result comes.
      await restart();
      await restart();
      const { status, dataset_id } = await resultOf(path, current);
      expect(status).toBe('ready');
      expect(await contentOf(dataset_id, current)).toBe(content);
      await restart();
      expect(await resultOf(path, current)).toEqual({ status: 'ready', dataset_id });
      const { datasets } = await (await current.fetch('/api/training/dataset?status=all')).json();
      expect(datasets).toHaveLength(1);
      await vi.waitFor(async () => {
        const { uploads, spool } = await dataRemains(current.dataDir);
        expect({ uploads, spool }).toEqual({ uploads: [], spool: [] });
      }, 40_000);
    } finally {
      await current.stop();
    }
  }, 90_000);
});
