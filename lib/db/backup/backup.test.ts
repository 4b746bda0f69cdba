import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type DatabaseHandle, openDatabase } from '@/lib/db/database.ts';
import * as schema from '@/lib/db/schema.ts';
import { removeAllRows } from '@/tests/support/database.ts';
import { startTestPostgres, type TestDatabases } from '@/tests/support/postgres.ts';
import { backupTo } from './backup.ts';
import { restoreFrom } from './restore.ts';

let folder: string;
let cluster: TestDatabases;
let postgres: DatabaseHandle;
/** The same database as another process sees it. */
let elsewhere: DatabaseHandle;
let embedded: DatabaseHandle;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-backup-'));
  cluster = await startTestPostgres();
  const url = await cluster.createDatabase();
  postgres = await openDatabase({ url });
  elsewhere = await openDatabase({ url });
  embedded = await openDatabase({ dataDir: join(folder, 'data') });
});
beforeEach(async () => {
  await removeAllRows(postgres.db);
  await removeAllRows(embedded.db);
});
afterAll(async () => {
  await Promise.all([postgres, elsewhere, embedded].map((handle) => handle.close()));
  await cluster.stop();
  await rm(folder, { recursive: true });
});

let made = 0;
const newFile = () => {
  made += 1;
  return join(folder, `backup-${made}.jsonl.gz`);
};
const linesOf = async (file: string) =>
  gunzipSync(await readFile(file))
    .toString('utf8')
    .trimEnd()
    .split('\n');
const writeLines = async (lines: readonly string[]) => {
  const file = newFile();
  await writeFile(file, gzipSync(`${lines.join('\n')}\n`));
  return file;
};

/** Every row of every table that a restore must bring back unchanged. */
async function contents({ db }: DatabaseHandle): Promise<Record<string, unknown[]>> {
  return {
    datasets: await db.select().from(schema.trainingDatasets).orderBy(schema.trainingDatasets.id),
    users: await db.select().from(schema.users).orderBy(schema.users.id),
    keys: await db.select().from(schema.apiKeys).orderBy(schema.apiKeys.id),
    secrets: (await db.select().from(schema.secrets)).map((secret) => ({
      ...secret,
      ciphertext: Buffer.from(secret.ciphertext ?? []).toString('hex'),
    })),
    replicas: await db.select().from(schema.datasetReplicas).orderBy(schema.datasetReplicas.id),
    reports: await db.select().from(schema.datasetReports),
    jobs: await db.select().from(schema.jobs).orderBy(schema.jobs.id),
    audit: await db.select().from(schema.auditLog).orderBy(schema.auditLog.id),
    phases: await db.select().from(schema.phases),
    current: await db.select().from(schema.currentPhase),
    installation: await db.select().from(schema.installation),
  };
}

async function fill({ db }: DatabaseHandle): Promise<void> {
  await db.insert(schema.installation).values({ id: 'installation-1' });
  await db.insert(schema.users).values({ id: 'u', name: 'Zoë \u2028 "quoted" \\ \t' });
  await db.insert(schema.apiKeys).values({ id: 'k', userId: 'u', name: 'key', keySha256: 'ab', lastFour: 'abcd' });
  const ciphertext = Uint8Array.from({ length: 256 }, (_, i) => i);
  await db
    .insert(schema.secrets)
    .values({ id: 's', userId: 'u', provider: 'aws', version: 1, state: 'active', ciphertext, keyId: 'key-1' });
  await db.insert(schema.trainingDatasets).values(
    Array.from({ length: 250 }, (_, i) => ({
      id: `d${i}`,
      userId: 'u',
      name: `name ${i}`,
      format: 'messages',
      storagePath: `u/private/d${i}.jsonl.gz`,
      fileSizeBytes: 2 ** 40 + i,
      avgInputLength: 0.1 + i / 3,
      metadata: { nested: [i, null, { text: 'ä\n\u2029' }], big: 12345678901234 },
      createdAt: new Date(1_700_000_000_000 + i),
    })),
  );
  await db.insert(schema.datasetReplicas).values({
    id: 'r',
    datasetId: 'd1',
    userId: 'u',
    provider: 's3',
    bucket: 'b',
    objectKey: 'u/datasets/d1.jsonl.gz',
    secretId: 's',
    state: 'completed',
  });
  await db.insert(schema.jobs).values({ id: 'j', type: 'verify', payload: { dataset: 'd1' }, dedupeKey: 'k' });
  await db.insert(schema.auditLog).values([
    { actor: 'a', action: 'one' },
    { actor: 'a', action: 'two' },
  ]);
}

test('everything comes back unchanged, from the embedded database to PostgreSQL and back', async () => {
  await fill(embedded);
  const before = await contents(embedded);
  const [first, second] = [newFile(), newFile()];
  const summary = await backupTo(embedded, first);
  expect(summary).toMatchObject({ keys: 'absent', rows: { 'public.training_datasets': 250, 'longshore.jobs': 1 } });
  expect(await restoreFrom(postgres, first)).toMatchObject({ installation_id: 'installation-1', keys: undefined });
  expect(await contents(postgres)).toEqual(before);
  await backupTo(postgres, second);
  await removeAllRows(embedded.db);
  await restoreFrom(embedded, second);
  expect(await contents(embedded)).toEqual(before);
  // The same rows make the same lines, whichever database wrote them.
  const rowsOf = async (file: string) => (await linesOf(file)).slice(1, -1).sort();
  expect(await rowsOf(second)).toEqual(await rowsOf(first));
});

test('rows go into a table from before Longshore, with its types, past its triggers', async () => {
  const url = await cluster.createDatabase({ empty: true });
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`
    create table training_datasets (
      id uuid primary key, user_id uuid not null, name text not null, description text, format text not null,
      file_size_bytes bigint, total_examples integer, avg_input_length real, avg_output_length real,
      storage_path text not null, metadata jsonb, created_at timestamp default now());
    create function refuse() returns trigger language plpgsql as 'begin raise exception ''no''; end';
    create trigger refuse before insert or delete on training_datasets for each row execute function refuse();
    alter database ${new URL(url).pathname.slice(1)} set timezone = 'America/New_York'`);
  await client.end();
  const [id, userId] = ['0192f000-0000-7000-8000-000000000001', '0192f000-0000-7000-8000-0000000000aa'];
  const row = { id, userId, name: 'n', format: 'f', storagePath: 'p', createdAt: new Date('2026-03-29T01:30:00.123Z') };
  await embedded.db.insert(schema.trainingDatasets).values(row);
  const [before] = await embedded.db.select().from(schema.trainingDatasets);
  const old = await openDatabase({ url });
  const [file, back] = [newFile(), newFile()];
  await backupTo(embedded, file);
  await restoreFrom(old, file);
  expect(await old.db.select().from(schema.trainingDatasets)).toEqual([before]);
  await backupTo(old, back);
  await restoreFrom(embedded, back, { replace: true });
  expect(await embedded.db.select().from(schema.trainingDatasets)).toEqual([before]);
  await expect(old.db.delete(schema.trainingDatasets)).rejects.toThrow('no');
  await old.close();
});

test('any text and any JSON comes back as it was', async () => {
  const text = fc.string({ unit: 'binary', maxLength: 30 }).map((value) => value.replaceAll('\0', ''));
  const json = fc.dictionary(
    text,
    fc.oneof(text, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.constant(null)),
  );
  const clean = (value: string) => Buffer.from(value).toString() === value;
  const property = fc.asyncProperty(text.filter(clean), json, async (name, metadata) => {
    fc.pre(JSON.stringify(metadata) === JSON.stringify(JSON.parse(Buffer.from(JSON.stringify(metadata)).toString())));
    await removeAllRows(postgres.db);
    await postgres.db.insert(schema.trainingDatasets).values({
      id: 'd',
      userId: 'u',
      name,
      format: 'f',
      storagePath: 'p',
      metadata: JSON.parse(JSON.stringify(metadata)),
    });
    const before = await contents(postgres);
    const file = newFile();
    await backupTo(postgres, file);
    await restoreFrom(postgres, file, { replace: true });
    expect(await contents(postgres)).toEqual(before);
  });
  await fc.assert(property, { numRuns: 15 });
});

test('a new row after a restore does not meet an old number', async () => {
  await fill(embedded);
  const file = newFile();
  await backupTo(embedded, file);
  await restoreFrom(postgres, file);
  await postgres.db.insert(schema.auditLog).values({ actor: 'a', action: 'three' });
  const ids = (await postgres.db.select().from(schema.auditLog)).map((row) => row.id);
  expect(new Set(ids).size).toBe(3);
  expect(Math.max(...ids)).toBe(ids.at(-1));
});

test('what was under way at the backup is settled: leases are free, copies unverified, nobody signed in', async () => {
  const { db } = postgres;
  await fill(postgres);
  const leaseUntil = new Date(Date.now() + 3_600_000);
  const lease = { leaseOwner: 'gone', leaseUntil };
  await db.update(schema.jobs).set({ state: 'running', attempts: 1, fence: 4, ...lease });
  await db.insert(schema.jobs).values({ id: 'c', type: 't', state: 'running', cancelRequested: true, ...lease });
  await db.update(schema.datasetReplicas).set({ verifiedAt: new Date() });
  await db.insert(schema.sessions).values({ tokenSha256: 't', userId: 'u', expiresAt: leaseUntil });
  await db.insert(schema.spools).values({
    datasetId: 'd1',
    userId: 'u',
    hostId: 'h',
    fileName: 'f',
    sizeBytes: 1,
    objectSha256: 'x',
    attempt: 1,
    ...lease,
  });
  const file = newFile();
  await backupTo(postgres, file);
  await restoreFrom(postgres, file, { replace: true });
  expect(await db.select().from(schema.jobs).orderBy(schema.jobs.id)).toMatchObject([
    { id: 'c', state: 'cancelled', leaseOwner: null },
    { id: 'j', state: 'queued', attempts: 1, fence: 5, leaseOwner: null, leaseUntil: null },
  ]);
  expect(await db.select().from(schema.datasetReplicas)).toMatchObject([{ state: 'completed', verifiedAt: null }]);
  expect(await db.select().from(schema.sessions)).toEqual([]);
  const [spool] = await db.select().from(schema.spools);
  expect(spool?.leaseUntil.getTime()).toBeLessThanOrEqual(Date.now() + 1000);
});

test('a database that holds something is left alone, unless it is to be replaced', async () => {
  await fill(embedded);
  const file = newFile();
  await backupTo(embedded, file);
  await postgres.db.insert(schema.users).values({ id: 'other', name: 'other' });
  await expect(restoreFrom(postgres, file)).rejects.toMatchObject({ code: 'database_not_empty', details: { rows: 1 } });
  expect(await postgres.db.select({ id: schema.users.id }).from(schema.users)).toEqual([{ id: 'other' }]);
  await restoreFrom(postgres, file, { replace: true });
  expect(await postgres.db.select({ id: schema.users.id }).from(schema.users)).toEqual([{ id: 'u' }]);
});

test('keys travel sealed under a passphrase, open, or not at all', async () => {
  const keys = [{ id: 'key-1', hex: 'ab'.repeat(32) }];
  const file = newFile();
  expect((await backupTo(postgres, file, { keys, passphrase: 'Größe' })).keys).toBe('sealed');
  expect((await linesOf(file)).join()).not.toContain('abab');
  await expect(restoreFrom(postgres, file, { passphrase: 'wrong' })).rejects.toMatchObject({
    code: 'backup_passphrase_wrong',
  });
  expect((await restoreFrom(postgres, file)).keys).toBeUndefined();
  expect((await restoreFrom(postgres, file, { passphrase: 'Größe' })).keys).toEqual(keys);
  const plain = newFile();
  expect((await backupTo(postgres, plain, { keys })).keys).toBe('plain');
  expect((await restoreFrom(postgres, plain)).keys).toEqual(keys);
});

test('the file is there when it is complete, for its owner only, and nothing is left of one that failed', async () => {
  const file = newFile();
  const abort = new AbortController();
  await fill(embedded);
  const cancelled = backupTo(embedded, file, { signal: abort.signal, onProgress: () => abort.abort() });
  await expect(cancelled).rejects.toMatchObject({ name: 'AbortError' });
  expect((await readdir(folder)).filter((name) => file.endsWith(name) || name.endsWith('.partial'))).toEqual([]);
  await backupTo(embedded, file);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test('the rows are those of one instant, whatever is written meanwhile', async () => {
  await fill(postgres);
  const file = newFile();
  let writing: Promise<unknown> = Promise.resolve();
  const onProgress = () => {
    writing = writing.then(() => elsewhere.db.execute(sql`delete from training_datasets`));
  };
  await backupTo(postgres, file, { onProgress });
  await writing;
  await restoreFrom(postgres, file, { replace: true });
  expect((await contents(postgres)).datasets).toHaveLength(250);
});

test('of a damaged backup nothing is restored', async () => {
  await fill(embedded);
  const file = newFile();
  await backupTo(embedded, file);
  const lines = await linesOf(file);
  const [row = ''] = lines.filter((line) => line.includes('name 7'));
  const cut = newFile();
  await writeFile(cut, await readFile(file));
  await truncate(cut, 3000);
  const notGzip = newFile();
  await writeFile(notGzip, 'hello');
  const cases: [string, string][] = [
    ['cut off', cut],
    ['not gzip', notGzip],
    ['a value changed', await writeLines(lines.map((line) => line.replace('name 7', 'name 8')))],
    ['a row missing', await writeLines(lines.filter((line) => line !== row))],
    ['the end missing', await writeLines(lines.slice(0, -1))],
    ['something after the end', await writeLines([...lines, row])],
    ['not a backup', await writeLines(['{}', '{}'])],
    ['not JSON', await writeLines([...lines.slice(0, 5), '{', ...lines.slice(5)])],
    ['a row of no table', await writeLines([...lines.slice(0, 5), '{"t":99,"r":[]}', ...lines.slice(5)])],
  ];
  for (const [what, bad] of cases) {
    const outcome = await restoreFrom(postgres, bad).catch((error) => error.code);
    expect([what, outcome]).toEqual([what, 'backup_damaged']);
  }
  expect((await contents(postgres)).datasets).toEqual([]);
  await expect(restoreFrom(postgres, join(folder, 'none'))).rejects.toMatchObject({ code: 'backup_missing' });
});

test('a backup of a later release is refused', async () => {
  const file = newFile();
  await backupTo(postgres, file);
  const [manifest = '', ...rest] = await linesOf(file);
  const later = (change: object) => writeLines([JSON.stringify({ ...JSON.parse(manifest), ...change }), ...rest]);
  for (const change of [{ longshore_backup: 2 }, { migrations: ['0001_longshore.sql', '0999_later.sql'] }]) {
    await expect(restoreFrom(postgres, await later(change))).rejects.toMatchObject({ code: 'backup_too_new' });
  }
});
