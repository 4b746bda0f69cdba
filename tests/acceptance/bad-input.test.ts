/** Every bad input: a clear error with a code, and nothing of it anywhere. */
import { randomBytes } from 'node:crypto';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { chatRecords } from '@/tests/support/chat-file.ts';
import { dataRemains, NOTHING } from '@/tests/support/data-remains.ts';
import { startServer, type TestServer } from '@/tests/support/server.ts';
import { tinyDisk } from '@/tests/support/tiny-disk.ts';

const DATASETS = '/api/training/dataset';
const LIMIT = 200 << 20;
let server: TestServer;

beforeAll(async () => {
  server = await startServer({ MAX_UPLOAD_BYTES: String(LIMIT), DISK_RESERVE_BYTES: '0' });
});
afterAll(() => server.stop());
afterEach(() => expectNothing(server));

async function expectNothing(on: TestServer): Promise<void> {
  expect(await dataRemains(on.dataDir)).toEqual(NOTHING);
  const { datasets } = await (await on.fetch(`${DATASETS}?status=all`)).json();
  expect(datasets).toEqual([]);
}

async function refusal(body: RequestInit['body'], on = server, query = '') {
  const response = await on.fetch(`${DATASETS}${query}`, { method: 'POST', body, duplex: 'half' } as RequestInit);
  const problem = await response.json();
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  return { status: response.status, code: problem.code, problem };
}

const gzip = gzipSync(chatRecords(20_000));
const invalidUtf8 = Buffer.concat([Buffer.from('{"text":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}\n')]);

test.each([
  ['an empty file', Buffer.alloc(0)],
  ['blank lines', Buffer.from('\n\n  \n')],
  ['an HTML page', Buffer.from('<!doctype html><html><body>Sign in</body></html>')],
  ['a truncated gzip', gzip.subarray(0, gzip.length - 1000)],
  ['a gzip with rubbish behind it', Buffer.concat([gzip, randomBytes(100)])],
  ['a gzip bomb', gzipSync(Buffer.alloc(600 << 20, 0x20), { level: 9 })],
  ['a line of 100 MB', Buffer.concat([Buffer.from('{"text":"'), Buffer.alloc(100 << 20, 0x61), Buffer.from('"}\n')])],
  ['invalid UTF-8', invalidUtf8],
  ['a record that is none', Buffer.from('{"nothing":"known"}\n')],
  ['one bad line among many', Buffer.from(`${chatRecords(1000)}{"messages":[]}\n${chatRecords(1000)}`)],
])('%s', async (_name, bytes) => {
  const { status, code, problem } = await refusal(new Uint8Array(bytes));
  expect({ status, code }).toEqual({ status: 422, code: 'dataset_invalid' });
  const [first] = problem.errors;
  expect(first).toMatchObject({ code: expect.stringMatching(/^E_/), message: expect.any(String) });
  expect(problem.errors_total).toBeGreaterThan(0);
  expect(problem.counts[first.code].count).toBeGreaterThan(0);
});

test('every fault of a file is told with its line and path', async () => {
  const lines = [chatRecords(1).trimEnd(), '', '{"messages":[{"role":"user"}]}', 'not json', chatRecords(1).trimEnd()];
  const { problem } = await refusal(lines.join('\n'));
  expect(problem.errors.map((error: { line: number }) => error.line)).toEqual([3, 4]);
  expect(problem.errors[0]).toMatchObject({ path: expect.stringContaining('$'), hint: expect.anything() });
});

test('more than MAX_UPLOAD_BYTES, announced', async () => {
  const headers = { 'content-length': String(LIMIT + 1) };
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  const lines = [`POST ${DATASETS} HTTP/1.1`, 'Host: x', `Authorization: Bearer ${server.adminKey}`];
  socket.write(`${[...lines, `Content-Length: ${headers['content-length']}`].join('\r\n')}\r\n\r\n`);
  const answer = await new Promise<string>((resolve) => socket.once('data', (bytes) => resolve(bytes.toString())));
  socket.destroy();
  expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  expect(answer).toContain('upload_too_large');
});

test('more than MAX_UPLOAD_BYTES, not announced', async () => {
  const small = await startServer({ MAX_UPLOAD_BYTES: '100000', DISK_RESERVE_BYTES: '0' });
  const endless = pieces(Buffer.from(chatRecords(60_000)), 64 << 10);
  const { status, code, problem } = await refusal(endless, small);
  expect({ status, code }).toEqual({ status: 413, code: 'upload_too_large' });
  expect(problem.limit_bytes).toBe(100_000);
  await expectNothing(small);
  await small.stop();
});

test('no credentials, and wrong ones', async () => {
  for (const authorization of ['', 'Bearer wrong', 'Basic bG9jYWw6']) {
    const response = await server.fetch(DATASETS, { method: 'POST', body: chatRecords(1), headers: { authorization } });
    expect(response.status).toBe(401);
  }
});

test('a connection that is lost in the middle', async () => {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  const lines = [`POST ${DATASETS} HTTP/1.1`, 'Host: x', `Authorization: Bearer ${server.adminKey}`];
  socket.write(`${[...lines, 'Content-Length: 90000000'].join('\r\n')}\r\n\r\n${chatRecords(50_000)}`);
  await vi.waitFor(async () => expect((await dataRemains(server.dataDir)).spool).toHaveLength(1), { timeout: 20_000 });
  socket.destroy();
  await vi.waitFor(async () => expect(await dataRemains(server.dataDir)).toEqual(NOTHING), { timeout: 20_000 });
});

test('a disk without room, known beforehand', async () => {
  const full = await startServer({ DISK_RESERVE_BYTES: '900TiB' });
  const { status, code } = await refusal(chatRecords(10), full);
  expect({ status, code }).toEqual({ status: 507, code: 'disk_full' });
  await expectNothing(full);
  await full.stop();
});

test('a disk that gets full while the file is taken in', async (context) => {
  const disk = await tinyDisk(40 << 20);
  if (disk === undefined) return context.skip('this system does not let us mount a small disk');
  const full = await startServer({ SPOOL_DIR: disk.path, DISK_RESERVE_BYTES: '0' });
  const noise = Array.from(
    { length: 1000 },
    () => `${JSON.stringify({ text: randomBytes(18_000).toString('base64') })}\n`,
  );
  const bytes = Buffer.from(noise.join(''));
  expect(bytes.length).toBeLessThan(40 << 20);
  const socket = connect(Number(new URL(full.url).port), '127.0.0.1');
  const lines = [`POST ${DATASETS} HTTP/1.1`, 'Host: x', `Authorization: Bearer ${full.adminKey}`, 'Connection: close'];
  const half = bytes.length >> 1;
  socket.write(`${[...lines, `Content-Length: ${bytes.length}`].join('\r\n')}\r\n\r\n`);
  socket.write(bytes.subarray(0, half));
  const spooled = join(disk.path, 'work');
  await vi.waitFor(async () => expect(await bytesBelow(spooled)).toBeGreaterThan(100_000), { timeout: 20_000 });
  await writeFile(join(disk.path, 'somebody-elses-file'), Buffer.alloc(40 << 20)).catch(() => undefined);
  socket.write(bytes.subarray(half));
  const answer = Buffer.concat(await socket.toArray()).toString();
  expect(answer).toMatch(/^HTTP\/1\.1 507 /);
  expect(answer).toContain('"code":"disk_full"');
  expect(await bytesBelow(spooled)).toBe(0);
  await full.stop();
  await disk.remove();
});

async function bytesBelow(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(file.parentPath, file.name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** A stream says no length. */
function pieces(bytes: Buffer, pieceBytes: number): ReadableStream<Uint8Array> {
  let offset = 0;
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(new Uint8Array(bytes.subarray(offset, offset + pieceBytes)));
      offset += pieceBytes;
      if (offset >= bytes.length) controller.close();
    },
  });
}

/** Sends a body under a length that is not its own, ends the connection's sending side, and gives all that is answered. */
async function sentAs(lengthBytes: number, body: Uint8Array): Promise<string> {
  const socket = connect({ port: Number(new URL(server.url).port), host: '127.0.0.1', allowHalfOpen: true });
  const lines = [`POST ${DATASETS}?name=t102 HTTP/1.1`, 'Host: x', `Authorization: Bearer ${server.adminKey}`];
  socket.write(`${[...lines, `Content-Length: ${lengthBytes}`].join('\r\n')}\r\n\r\n`);
  socket.end(body);
  return Buffer.concat(await socket.toArray()).toString();
}

test('T102 a Content-Length that is larger than the body', async () => {
  const body = Buffer.from(chatRecords(100));
  expect(await sentAs(body.length + 1, body)).not.toMatch(/^HTTP\/1\.1 2/);
  await vi.waitFor(async () => expect(await dataRemains(server.dataDir)).toEqual(NOTHING), { timeout: 20_000 });
});

test('T102 a Content-Length that ends within a record: what follows is no request, and the server goes on', async () => {
  const body = Buffer.from(chatRecords(100));
  expect(await sentAs(body.length - 20, body)).not.toMatch(/^HTTP\/1\.1 2/);
  expect((await server.fetch('/healthz')).status).toBe(200);
  await vi.waitFor(async () => expect(await dataRemains(server.dataDir)).toEqual(NOTHING), { timeout: 20_000 });
});

test.each([
  ['of the bytes', gzip.length - 8, 'E_GZIP_CRC_MISMATCH'],
  ['of the length', gzip.length - 4, 'E_GZIP_LENGTH_MISMATCH'],
])('T102 a wrong checksum (%s)', async (_name, at, code) => {
  const wrong = new Uint8Array(gzip);
  wrong[at] = 0xff ^ (wrong[at] ?? 0);
  const { status, problem } = await refusal(wrong);
  expect([status, problem.errors.map((error: { code: string }) => error.code)]).toEqual([422, [code]]);
});
