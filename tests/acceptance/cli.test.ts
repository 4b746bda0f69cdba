/** What a person does at a shell, against a running server and without one. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { chatRecord, chatRecords } from '@/tests/support/chat-file.ts';
import { type CliResult, runCli, startCli } from '@/tests/support/cli.ts';
import { startHttpServer, type TestHttpServer } from '@/tests/support/http-server.ts';
import { startServer, type TestServer } from '@/tests/support/server.ts';

const RESUMABLE_RECORDS = 160_000;
let folder: string;
let server: TestServer;
/** Where the server listens; it calls itself by the address of the road. */
let address = '';
/** Stands between the command and the server, and may hold a connection. */
let road: TestHttpServer;
/** How many bytes of an answer under /files, or of a request to an upload, pass before the road is blocked. */
let passing = Number.POSITIVE_INFINITY;
let blocked: () => void = () => undefined;
const ranges: (string | undefined)[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-cli-'));
  road = await startHttpServer((request, response) => forward(request, response));
  const port = await freePort();
  address = `http://127.0.0.1:${port}`;
  server = await startServer({ PUBLIC_URL: road.url, PORT: String(port) });
}, 60_000);
afterAll(async () => {
  await road.close();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const bound = probe.address();
  probe.close();
  await once(probe, 'close');
  if (bound === null || typeof bound === 'string') throw new Error('no port');
  return bound.port;
}

function forward(request: IncomingMessage, response: ServerResponse): void {
  const onward = httpRequest(address + request.url, { method: request.method, headers: request.headers });
  const counted = request.url?.startsWith('/files') || request.method === 'PATCH';
  if (request.url?.startsWith('/files')) ranges.push(request.headers.range);
  const pass = (source: NodeJS.ReadableStream, write: (chunk: Buffer) => boolean, end: () => void) => {
    let left = counted ? passing : Number.POSITIVE_INFINITY;
    source.on('data', (chunk: Buffer) => {
      if (left <= 0) return;
      write(chunk.subarray(0, Math.min(left, chunk.length)));
      left -= chunk.length;
      if (left <= 0) blocked();
    });
    source.on('end', () => left > 0 && end());
  };
  pass(
    request,
    (chunk) => onward.write(chunk),
    () => onward.end(),
  );
  onward.on('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    pass(
      answer,
      (chunk) => response.write(chunk),
      () => response.end(),
    );
  });
  onward.on('error', () => response.destroy());
  response.on('close', () => onward.destroy());
}

const here = () => ({ LONGSHORE_URL: road.url, LONGSHORE_API_KEY: server.adminKey, HOME: folder });
const longshore = (...args: string[]): Promise<CliResult> => runCli(args, here(), folder);
async function json<T>(...args: string[]): Promise<T> {
  const { stdout, stderr, code } = await longshore('--json', ...args);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as T;
}
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** Runs a command until the road is blocked after `bytes` and `arrived` holds, and kills it there. */
async function killAfter(bytes: number, args: string[], arrived: () => Promise<unknown>): Promise<void> {
  passing = bytes;
  const stuck = new Promise<void>((resolve) => {
    blocked = resolve;
  });
  const running = startCli(args, here(), folder);
  await stuck;
  await vi.waitFor(arrived, { timeout: 30_000 });
  running.process.kill('SIGKILL');
  await running.result;
  passing = Number.POSITIVE_INFINITY;
}

describe('with a server', { timeout: 180_000 }, () => {
  test('a file goes up, is listed, read back, verified, and deleted only when told to', async () => {
    const content = chatRecords(200);
    await writeFile(join(folder, 'chats.jsonl'), content);
    expect((await longshore('upload', 'chats.jsonl', '--name', 'support chats')).code).toBe(0);
    const { stdout } = await longshore('ls');
    expect(stdout).toContain('support chats');

    const got = await longshore('get', 'support chats', '--decompress', '-o', 'back.jsonl');
    expect(got.code, got.stderr).toBe(0);
    expect(await readFile(join(folder, 'back.jsonl'), 'utf8')).toBe(content);
    expect((await longshore('get', 'support chats', '-o', 'back.jsonl')).stderr).toContain('is there already');

    const { stdout: url } = await longshore('url', 'support chats', '--expires', '60');
    const bytes = Buffer.from(await (await fetch(url.trim())).arrayBuffer());
    expect(gunzipSync(bytes).toString()).toBe(content);
    expect((await longshore('verify', 'support chats')).stdout).toMatch(/^= /m);

    const plan = await longshore('rm', 'support chats');
    expect(plan.stdout).toContain('would delete');
    expect((await longshore('ls')).stdout).toContain('support chats');
    expect((await longshore('rm', 'support chats', '--apply')).code).toBe(0);
    expect((await longshore('ls')).stdout).not.toContain('support chats');
  });

  test('a wrong file says file:line, path and message, and leaves with 1', async () => {
    await writeFile(join(folder, 'bad.jsonl'), `${chatRecord(1)}{"messages":[{"role":"user"}]}\n`);
    for (const command of ['check', 'upload']) {
      const { code, stdout, stderr } = await longshore(command, 'bad.jsonl');
      expect(code).toBe(1);
      expect(stdout + stderr).toMatch(/bad\.jsonl:2 .*messages/);
    }
    expect((await longshore('ls')).stdout).not.toContain('bad');
  });

  test('an upload whose process was killed goes on where it stopped', async () => {
    const content = chatRecords(RESUMABLE_RECORDS);
    await writeFile(join(folder, 'large.jsonl'), content);
    await killAfter(6 * 1024 * 1024, ['upload', 'large.jsonl'], async () => undefined);
    const begun = () => road.asked.filter((line) => line === 'POST /api/training/uploads').length;
    expect(begun()).toBe(1);
    const [dataset] = (
      await json<{ datasets: { total_examples: number; content_sha256: string }[] }>('upload', 'large.jsonl')
    ).datasets;
    expect(begun()).toBe(1);
    expect(dataset).toMatchObject({ total_examples: RESUMABLE_RECORDS, content_sha256: sha256(Buffer.from(content)) });
  });

  test('a download whose process was killed goes on where it stopped', async () => {
    const size = 512 * 1024;
    const arrived = async () => expect((await stat(join(folder, 'large.gz.part'))).size).toBe(size);
    await killAfter(size, ['get', 'large.jsonl', '-o', 'large.gz'], arrived);
    ranges.length = 0;
    expect((await longshore('get', 'large.jsonl', '-o', 'large.gz')).code).toBe(0);
    expect(ranges).toEqual([`bytes=${size}-`]);
    expect(sha256(gunzipSync(await readFile(join(folder, 'large.gz'))))).toBe(
      sha256(await readFile(join(folder, 'large.jsonl'))),
    );
  });

  test('users and keys are made, shown once, and taken away', async () => {
    const { key } = await json<{ key: string }>('users', 'add', 'ada');
    const asAda = { ...here(), LONGSHORE_API_KEY: key };
    expect((await runCli(['ls'], asAda, folder)).stdout).not.toContain('large');
    const refused = await runCli(['users', 'add', 'eve'], asAda, folder);
    expect(refused.code).toBe(3);
    expect(refused.stderr).toContain('admin');
    expect((await runCli(['ls'], { ...here(), LONGSHORE_API_KEY: 'ls_wrong' }, folder)).code).toBe(4);
  });
});

describe('on a data directory', { timeout: 180_000 }, () => {
  test('a backup is made while the server runs, and an installation without a server takes it', async () => {
    const holder = { DATA_DIR: server.dataDir, HOME: folder };
    const backup = join(folder, 'longshore.backup');
    await writeFile(join(folder, 'pass.txt'), 'correct horse\n');
    const made = await runCli(['backup', backup, '--passphrase-file', join(folder, 'pass.txt')], holder);
    expect(made.code, made.stderr).toBe(0);
    expect((await stat(backup)).mode & 0o777).toBe(0o600);

    const other = { DATA_DIR: join(folder, 'other'), HOME: folder };
    const restored = await runCli(['restore', backup, '--passphrase-file', join(folder, 'pass.txt')], other);
    expect(restored.code, restored.stderr).toBe(0);
    const admin = { ...other, LONGSHORE_API_KEY: server.adminKey };
    expect((await runCli(['ls'], admin)).stdout).toContain('large.jsonl');
  });

  test('a command that finds no server starts its own for as long as it takes', async () => {
    const alone = { DATA_DIR: join(folder, 'alone'), HOME: folder };
    await writeFile(join(folder, 'small.jsonl'), chatRecords(3));
    expect((await runCli(['upload', join(folder, 'small.jsonl')], alone)).code).toBe(0);
    expect((await runCli(['ls'], alone)).stdout).toContain('small.jsonl');
    const url = await runCli(['url', 'small.jsonl'], alone);
    expect(url.stderr).toContain('longshore serve');
  });
});
