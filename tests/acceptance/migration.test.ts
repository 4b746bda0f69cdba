/**
 * Phase 3 of the Testing Plan that Longshore grew from, by its own names: what a Supabase holds moves to S3 by the script
 * and by the command line, beside a server that goes on serving, and comes back. The tests go on from each other.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { projectRoot } from '@/lib/config/entry-points.ts';
import type { DatasetJson } from '@/lib/datasets/dataset.ts';
import { type CliResult, runCli } from '@/tests/support/cli.ts';
import { startTestPostgres, type TestDatabases } from '@/tests/support/postgres.ts';
import { sha256 } from '@/tests/support/sandbox-clients.ts';
import { type Person, TwoStores } from '@/tests/support/two-stores.ts';

const BOTH = ['s3', 'supabase'];
const SCRIPT = 'scripts/migrate-datasets-to-s3.ts';

let folder: string;
let postgres: TestDatabases;
let stores: TwoStores;
let settings: Record<string, string>;
let bucketless: Person;
let old: DatasetJson[];
let stranded: DatasetJson;
/** The run that the script made. */
let runId: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-migration-'));
  postgres = await startTestPostgres();
  settings = { DATABASE_URL: await postgres.createDatabase(), ENCRYPTION_KEY: 'ab'.repeat(32) };
  stores = await TwoStores.start(settings);
  bucketless = await stores.addPerson('no bucket');
  old = [await stores.upload(), await stores.upload(), await stores.upload()];
  stranded = await stores.upload(bucketless);
  for (const dataset of old) await stores.settled(dataset, ['supabase']);
  await stores.settled(stranded, ['supabase'], { person: bucketless });
  await stores.makeJob(first());
  await stores.giveBucket();
  await stores.enter('dual_write');
  await stores.enter('hybrid_read');
}, 120_000);
afterAll(async () => {
  await stores.close();
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

function first(): DatasetJson {
  const [dataset] = old;
  if (dataset === undefined) throw new Error('nothing was uploaded');
  return dataset;
}

function longshore(...args: string[]): Promise<CliResult> {
  const { url, adminKey } = stores.server;
  return runCli(args, { LONGSHORE_URL: url, LONGSHORE_API_KEY: adminKey, HOME: folder }, folder);
}

/** The script as a process of its own beside the server, on the same database. */
function script(...args: string[]): Promise<CliResult> {
  const { PATH = '' } = process.env;
  const { url, serviceRoleKey } = stores.supabase;
  const env = {
    ...{ PATH, HOME: folder, DATA_DIR: join(folder, 'script'), ALLOW_PRIVATE_ENDPOINTS: 'true', ...settings },
    ...{ SUPABASE_URL: url, SUPABASE_SERVICE_ROLE_KEY: serviceRoleKey },
  };
  return new Promise((resolve) => {
    const words = ['--import', 'tsx', SCRIPT, ...args];
    const child = execFile(process.execPath, words, { cwd: projectRoot(), env }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode, stdout, stderr });
    });
  });
}

function datasetsInS3(): string[] {
  return stores.s3.objects.keys().filter((key) => key.endsWith('.jsonl.gz'));
}

async function json(...args: string[]) {
  const { code, stdout, stderr } = await longshore(...args, '--json');
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

describe('Phase 3 Testing', { timeout: 120_000 }, () => {
  test('the script plans first: nothing is copied, and its last line is the command that applies it', async () => {
    const { code, stdout, stderr } = await script();
    expect(code, stderr).toBe(0);
    for (const { id } of old) expect(stdout).toMatch(new RegExp(`^pending .* ${id} `, 'm'));
    expect(stdout).toMatch(new RegExp(`^skipped .* ${stranded.id} .*no_bucket`, 'm'));
    expect(stdout.trimEnd().split('\n').at(-1)).toBe(`npx tsx ${SCRIPT} --apply`);
    expect(datasetsInS3()).toEqual([]);
  });

  test('1. Migration script completes without errors', async () => {
    const { code, stdout, stderr } = await script('--apply');
    expect(code, stdout + stderr).toBe(0);
    runId = /^Run (\S+)$/m.exec(stdout)?.[1] ?? '';
    expect(stdout).toContain(`${runId}  completed`);
    expect(stdout).toMatch(/^ +3 {2}moved and proved$/m);
    expect(stdout).not.toMatch(/failed|quarantined/);
  });

  test('2. All migrated datasets have S3 paths', async () => {
    for (const dataset of old) {
      const { storage_path, metadata } = await stores.settled(dataset, BOTH);
      const [user] = storage_path.split('/');
      const moved = `${user}/datasets/${dataset.id}.jsonl.gz`;
      expect(storage_path).toBe(`${user}/private/${dataset.id}.jsonl.gz`);
      expect(metadata).toMatchObject({ storage_provider: 'dual', s3_storage_path: moved });
      expect(sha256(await stores.s3.objects.read(moved))).toBe(dataset.object_sha256);
      expect(sha256(await stores.supabase.objects.read(storage_path))).toBe(dataset.object_sha256);
    }
    expect(datasetsInS3()).toHaveLength(old.length);
  });

  test('3. Old training jobs still work', async () => {
    await stores.work(first());
    for (const dataset of old) await stores.download(dataset);
  });

  test('4. New training jobs use S3', async () => {
    expect(await stores.train(first())).toMatchObject({ provider: 's3', token: 's3-presigned' });
  });

  test('what was moved is proved by reading both sides back, with a receipt for each', async () => {
    const { code, stdout } = await longshore('migrate', 'verify', runId, '--all');
    expect(code).toBe(0);
    for (const { id } of old) expect(stdout).toContain(`= ${id}`);
    await longshore('migrate', 'report', runId, '--out', 'receipts.jsonl');
    const lines = (await readFile(join(folder, 'receipts.jsonl'), 'utf8')).trim().split('\n');
    const receipts = lines.map((line) => JSON.parse(line));
    const wanted = old.map(({ id, object_sha256: hash }) => [id, hash, hash]).sort();
    expect(receipts.map((each) => [each.dataset_id, each.source_sha256, each.destination_sha256]).sort()).toEqual(
      wanted,
    );
  });

  test('a user without a bucket is left out and told of, and taken up by running again', async () => {
    const { stdout } = await longshore('migrate', 'status', runId, '--items', 'skipped');
    expect(stdout).toContain(`${stranded.id}`);
    expect(stdout).toContain('Add AWS credentials and a bucket for the user');
    expect(await stores.download(stranded, bucketless)).toMatchObject({ provider: 'supabase' });
    await stores.giveBucket(bucketless);
    const { migration } = await json('migrate', 'run', runId);
    expect(migration).toMatchObject({ id: runId, state: 'completed', counts: { done: 4, skipped: 0, failed: 0 } });
    await stores.settled(stranded, BOTH, { person: bucketless });
    expect(await stores.download(stranded, bucketless)).toMatchObject({ provider: 's3' });
  });
});

describe('If Phase 3 Fails', { timeout: 120_000 }, () => {
  test('Rollback: reads return to Supabase at once, and the copies stay', async () => {
    expect(await json('migrate', 'rollback', runId)).toMatchObject({
      migration: { rolled_back_at: expect.any(String) },
    });
    for (const dataset of old) {
      expect(await stores.download(dataset)).toMatchObject({ provider: 'supabase' });
      expect((await stores.dataset(dataset)).metadata).toMatchObject({
        storage_provider: 'supabase',
        s3_storage_path: null,
      });
    }
    expect(await stores.train(first())).toMatchObject({ provider: 'supabase' });
    expect(datasetsInS3()).toHaveLength(old.length + 1);
  });

  test('the way forward again: another run uses the copies that are there', async () => {
    const copied = stores.s3.log.list('PutObject').length;
    const { migration } = await json('migrate', 'run');
    expect(migration.counts).toMatchObject({ done: 4, failed: 0 });
    const sent = stores.s3.log.list('PutObject').slice(copied);
    expect(sent.filter(({ path }) => path.endsWith('.jsonl.gz'))).toEqual([]);
    for (const dataset of old) expect(await stores.download(dataset)).toMatchObject({ provider: 's3' });
  });
});

describe('an operator at the command line', { timeout: 120_000 }, () => {
  /** A dataset that lies in Supabase only, of somebody who has a bucket since; and a bucket that takes nothing now. */
  async function heldBack(name: string): Promise<{ dataset: DatasetJson; person: Person; release: () => void }> {
    const person = await stores.addPerson(name);
    const dataset = await stores.upload(person);
    await stores.settled(dataset, ['supabase'], { person });
    await stores.giveBucket(person);
    const stall = { operation: 'PutObject', path: dataset.id, action: { kind: 'stall' } } as const;
    const rule = stores.s3.faults.add(stall);
    return { dataset, person, release: () => void stores.s3.faults.remove(rule) };
  }

  async function beginRun({ id }: DatasetJson): Promise<string> {
    const { migration } = await json('migrate', 'run', '--detach');
    const asked = () => stores.s3.log.list('PutObject').some(({ path }) => path.includes(id));
    await expect.poll(asked, WAIT).toBe(true);
    return migration.id;
  }

  const WAIT = { timeout: 60_000, interval: 200 };
  const status = async (id: string) => (await json('migrate', 'status', id)).migration;
  const copies = ({ id }: DatasetJson) => datasetsInS3().filter((key) => key.includes(id));

  test('pauses a run in the middle of an object, and resumes it', async () => {
    const { dataset, person, release } = await heldBack('paused');
    const run = await beginRun(dataset);
    expect((await json('migrate', 'pause', run)).migration).toMatchObject({ id: run, state: 'paused' });
    await expect.poll(async () => (await status(run)).counts, WAIT).toMatchObject({ pending: 1, copying: 0 });
    release();
    expect(copies(dataset)).toEqual([]);
    await json('migrate', 'resume', run);
    await expect.poll(() => status(run), WAIT).toMatchObject({ state: 'completed', counts: { done: 1, failed: 0 } });
    await stores.settled(dataset, BOTH, { person });
  });

  test('cancels a run, and what was begun leaves nothing behind', async () => {
    const { dataset, person, release } = await heldBack('cancelled');
    const run = await beginRun(dataset);
    await json('migrate', 'cancel', run);
    await expect.poll(() => status(run), WAIT).toMatchObject({ state: 'cancelled', counts: { done: 0, skipped: 1 } });
    release();
    expect(copies(dataset)).toEqual([]);
    await stores.settled(dataset, ['supabase'], { person });
    const { code, stderr } = await longshore('migrate', 'resume', run);
    expect(code).not.toBe(0);
    expect(stderr).toContain('Plan a new run');
  });
});
