/**
 * What keeps datasets whole, as an operator sees it: verify, scrub, repair, orphans and rebuild by the command line, on a
 * real server with the local disk and an S3 bucket.
 */
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { DatasetJson } from '@/lib/datasets/dataset.ts';
import { type S3Sandbox, startS3Sandbox } from '@/sandbox/s3/start-s3-sandbox.ts';
import { chatRecords } from '@/tests/support/chat-file.ts';
import { runCli } from '@/tests/support/cli.ts';
import { startServer, type TestServer } from '@/tests/support/server.ts';

const DATASETS = '/api/training/dataset';

let sandbox: S3Sandbox;
let env: Record<string, string>;
let server: TestServer;

beforeAll(async () => {
  sandbox = await startS3Sandbox();
  env = {
    S3_BUCKET: sandbox.bucket,
    AWS_REGION: sandbox.region,
    AWS_ENDPOINT_URL_S3: sandbox.url,
    AWS_ACCESS_KEY_ID: sandbox.accessKeyId,
    AWS_SECRET_ACCESS_KEY: sandbox.secretAccessKey,
  };
  const DATA_DIR = await mkdtemp(join(tmpdir(), 'longshore-care-'));
  server = await startServer({ ...env, DATA_DIR, LOG_LEVEL: 'warn' });
  await postJson('/api/storage/phase', { phase: 'dual_write', confirm: true, force: true, reason: 'a test' });
}, 60_000);
afterAll(async () => {
  await server.stop();
  await sandbox.close();
  await rm(server.dataDir, { recursive: true, force: true, maxRetries: 20 });
});

async function postJson(path: string, body: unknown): Promise<Record<string, unknown>> {
  const headers = { 'content-type': 'application/json' };
  const response = await server.fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
  const text = await response.text();
  expect(response.ok, text).toBe(true);
  return JSON.parse(text);
}

async function upload(name: string, body: string | Uint8Array<ArrayBuffer>): Promise<DatasetJson> {
  const response = await server.fetch(`${DATASETS}?name=${encodeURIComponent(name)}`, { method: 'POST', body });
  const text = await response.text();
  expect(response.status, text).toBe(201);
  return JSON.parse(text).dataset;
}

async function all(): Promise<DatasetJson[]> {
  return (await (await server.fetch(`${DATASETS}?limit=200`)).json()).datasets;
}

/** Until every dataset has two copies that were read back, and the bucket holds its manifest. */
async function settled(): Promise<DatasetJson[]> {
  return vi.waitFor(
    async () => {
      const datasets = await all();
      for (const { id, replicas } of datasets) {
        expect(replicas.map(({ state, verified_at }) => [state, verified_at !== null])).toEqual([
          ['completed', true],
          ['completed', true],
        ]);
        expect((await sandbox.objects.keys()).some((key) => key.endsWith(`${id}.manifest.json`))).toBe(true);
      }
      return datasets;
    },
    { timeout: 60_000, interval: 200 },
  );
}

const cli = (...args: string[]) =>
  runCli(args, { LONGSHORE_URL: server.url, LONGSHORE_API_KEY: server.adminKey, HOME: server.dataDir });
const previews = async (ids: readonly string[]) =>
  Promise.all(ids.map(async (id) => (await server.fetch(`${DATASETS}/${id}/preview?limit=3`)).json()));

test('verify tells what every copy is, scrub finds damage, and what was found is repaired', async () => {
  await upload('chats.jsonl', chatRecords(50, 1));
  await upload('table.csv', 'instruction,input,output\nsay hello,,hello\nsay bye,,bye\n');
  await upload('old chats.jsonl.gz', gzipSync(chatRecords(20, 2)));
  const datasets = await settled();
  const whole = await cli('verify', '--all');
  expect(whole.code).toBe(0);
  expect(whole.stdout.trimEnd().split('\n').at(-1)).toBe(
    '6 copies of 3 datasets: 6 same, 0 missing, 0 different, 0 errors',
  );
  const keyOf = (dataset: DatasetJson | undefined) =>
    dataset?.replicas.find(({ provider }) => provider === 's3')?.key ?? '';
  await sandbox.objects.corrupt(keyOf(datasets[0]));
  await sandbox.objects.remove(keyOf(datasets[1]));
  const scrub = await cli('scrub', '--all', '--wait', '--json');
  expect(scrub.code, scrub.stderr).toBe(1);
  expect(JSON.parse(scrub.stdout)).toMatchObject({
    running: null,
    last: { same: 4, missing: 1, corrupt: 1, errors: 0 },
  });
  await settled();
  const { entries } = await (await server.fetch('/api/audit?limit=50')).json();
  const told = entries.map(({ action }: { action: string }) => action);
  expect(told).toContain('replica.corrupt');
  expect(told).toContain('replica.missing');
  expect((await cli('verify', '--all', '--json')).code).toBe(0);
  expect(JSON.parse((await cli('orphans', '--json')).stdout)).toEqual({ orphans: [] });
});

test('a damaged copy shows as * with exit code 1, and repair asks for another', async () => {
  const [dataset] = await settled();
  const copy = dataset?.replicas.find(({ provider }) => provider === 's3');
  await sandbox.objects.corrupt(copy?.key ?? '');
  const { code, stdout } = await cli('verify', dataset?.id ?? '');
  expect(code).toBe(1);
  expect(stdout).toContain(`* ${dataset?.id}  s3  ${sandbox.bucket}/${copy?.key}`);
  expect((await cli('repair', dataset?.id ?? '')).code).toBe(0);
  expect((await cli('reconcile', '--all')).code).toBe(0);
  const [after] = await settled();
  expect(after?.replicas.find(({ provider }) => provider === 's3')?.key).not.toBe(copy?.key);
});

test('files of killed writes are swept from the local store', async () => {
  const left = join(server.dataDir, 'objects', 'local', 'private', '0123456789abcdef01234567~x.jsonl.gz');
  await writeFile(left, 'half a write');
  const old = new Date(Date.now() - 2 * 3_600_000);
  await utimes(left, old, old);
  await server.stop();
  server = await startServer({ ...env, DATA_DIR: server.dataDir, LOG_LEVEL: 'info' });
  await server.logged('removed files of unfinished writes');
});

test('after the loss of the database rebuild brings everything back', async () => {
  const before = await settled();
  const ids = before.map(({ id }) => id);
  const seen = await previews(ids);
  const { dataDir } = server;
  await server.stop();
  await rm(join(dataDir, 'postgres'), { recursive: true });
  const local = { ...env, DATA_DIR: dataDir, HOME: dataDir };
  const dry = await runCli(['rebuild', '--json'], local);
  expect(JSON.parse(dry.stdout), dry.stderr).toMatchObject({ applied: false, datasets: { from_manifest: 3 } });
  const { code, stdout, stderr } = await runCli(['rebuild', '--apply', '--json'], local);
  expect(code, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    datasets: { from_manifest: 3, from_object: 0 },
    copies: { restored: 6 },
    refused_count: 0,
    users: ['local'],
  });
  server = await startServer({ ...env, DATA_DIR: dataDir, LOG_LEVEL: 'warn' });
  await postJson('/api/storage/phase', { phase: 'dual_write', confirm: true, force: true, reason: 'a test' });
  const after = await settled();
  const facts = ({
    id,
    name,
    kind,
    format,
    total_examples,
    content_sha256,
    object_sha256,
    created_at,
  }: DatasetJson) => ({
    ...{ id, name, kind, format, total_examples, content_sha256, object_sha256, created_at },
  });
  expect(after.map(facts)).toEqual(before.map(facts));
  expect(await previews(ids)).toEqual(seen);
  expect((await cli('verify', '--all')).code).toBe(0);
});
