import { randomBytes } from 'node:crypto';
import { eq, sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { newId } from '@/lib/db/ids.ts';
import { auditLog, datasetReplicas, type ReplicaState, secrets as rows, trainingDatasets } from '@/lib/db/schema.ts';
import type { Secrets } from '@/lib/secrets/secrets.ts';
import { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import { type S3Sandbox, startS3Sandbox } from '@/sandbox/s3/start-s3-sandbox.ts';
import { describeDatabase } from '@/tests/support/database.ts';
import { newMasterKey, secretsFor } from '@/tests/support/secrets.ts';

const guard = new EndpointGuard({ allowPrivateEndpoints: true });
let sandbox: S3Sandbox;

beforeAll(async () => {
  sandbox = await startS3Sandbox();
});
afterAll(async () => {
  guard.close();
  await sandbox.close();
});

const [ANN, BOB] = ['ann', 'bob'];
const byAnn = { actor: ANN };

interface Keys {
  accessKeyId: string;
  secretAccessKey: string;
}

/** New keys of the sandbox, as a person makes them in IAM before a rotation. */
function newKeys(deny: string[] = []): Keys {
  const accessKeyId = `AKIA${randomBytes(8).toString('hex').toUpperCase()}`;
  const user = {
    name: `user-${accessKeyId.slice(-6).toLowerCase()}`,
    accessKeyId,
    secretAccessKey: randomBytes(30).toString('base64'),
  };
  sandbox.identities.addUser({ ...user, deny });
  return user;
}

function body(keys: Keys = sandbox, changes: Record<string, string> = {}) {
  const aws = { secret_access_key: keys.secretAccessKey, s3_bucket: sandbox.bucket, endpoint: sandbox.url, ...changes };
  return { api_key: keys.accessKeyId, metadata: { aws } };
}

describeDatabase('SecretsManager', (database) => {
  let secrets: Secrets;
  beforeEach(() => {
    const nowhere = 'http://127.0.0.1:9';
    const providerUrls = { runpod: nowhere, lambda: nowhere, huggingface: nowhere };
    secrets = secretsFor(database.db, guard, { providerUrls });
  });
  const states = async () =>
    (await database.db.select().from(rows).orderBy(rows.version)).map((row) => `${row.version} ${row.state}`);

  async function addDataset(
    name: string,
    copies: { secretId: string | null; state?: ReplicaState; bucket?: string }[],
  ) {
    const id = newId();
    const dataset = { id, userId: ANN, name, format: 'messages', storagePath: id };
    await database.db.insert(trainingDatasets).values(dataset);
    for (const { secretId, state = 'completed', bucket = sandbox.bucket } of copies) {
      const place =
        secretId === null ? { provider: 'filesystem', endpoint: null } : { provider: 's3', endpoint: sandbox.url };
      await database.db.insert(datasetReplicas).values({
        id: newId(),
        datasetId: id,
        userId: ANN,
        provider: place.provider as 's3',
        endpoint: place.endpoint,
        bucket,
        objectKey: `${id}-${secretId}`,
        secretId,
        state,
      });
    }
    return id;
  }

  it('stores what passed its test, and gives it back to the code that needs it only', async () => {
    const { secret, report } = await secrets.manager.put(ANN, 'aws', body(), byAnn);
    expect(report.status).toBe('ok');
    expect(secret).toMatchObject({
      provider: 'aws',
      version: 1,
      state: 'active',
      last_four: sandbox.accessKeyId.slice(-4),
      metadata: {
        aws: {
          s3_bucket: sandbox.bucket,
          region: 'us-east-1',
          endpoint: sandbox.url,
          role_arn: null,
          external_id: secrets.externalIdOf(ANN),
          sagemaker_role_arn: null,
        },
      },
    });
    const stored = await secrets.manager.getSecret(ANN, 'aws');
    expect(stored?.api_key).toBe(sandbox.accessKeyId);
    expect(stored?.metadata.aws.secret_access_key).toBe(sandbox.secretAccessKey);
    expect(stored?.metadata.aws.s3_bucket).toBe(sandbox.bucket);
    const shown = JSON.stringify([secret, report, await secrets.manager.list(ANN)]);
    expect(shown).not.toContain(sandbox.secretAccessKey);
    expect(shown).not.toContain(sandbox.accessKeyId);
  });

  it('stores nothing when the test fails, and tells the report', async () => {
    const wrong = body({ ...sandbox, secretAccessKey: 'x'.repeat(40) });
    await expect(secrets.manager.put(ANN, 'aws', wrong, byAnn)).rejects.toMatchObject({
      code: 'secret_test_failed',
      details: { report: { status: 'failed' } },
    });
    expect(await states()).toEqual([]);
  });

  it('keeps a failing one on request, marked and unused, until a test passes', async () => {
    const keys = newKeys(['s3:PutObject']);
    const { secret } = await secrets.manager.put(ANN, 'aws', body(keys), { ...byAnn, storeFailing: true });
    expect(secret.state).toBe('failed');
    expect(await secrets.manager.getSecret(ANN, 'aws')).toBeUndefined();
    expect(await secrets.manager.getSecretVersion(ANN, secret.id)).toBeUndefined();
    expect((await secrets.manager.testStored(ANN, 'aws', byAnn)).secret.state).toBe('failed');
    sandbox.identities.addUser({ name: 'mended', ...keys });
    expect((await secrets.manager.testStored(ANN, 'aws', byAnn)).secret.state).toBe('active');
    expect((await secrets.manager.getSecret(ANN, 'aws'))?.api_key).toBe(keys.accessKeyId);
  });

  it('keeps one that could not be tested as untested', async () => {
    const gone = await startS3Sandbox();
    await gone.close();
    const { secret } = await secrets.manager.put(ANN, 'aws', body(sandbox, { endpoint: gone.url }), {
      ...byAnn,
      storeFailing: true,
    });
    expect(secret.state).toBe('untested');
    expect(await secrets.manager.getSecret(ANN, 'aws')).toBeUndefined();
  });

  it('leaves the active version in use while a new one fails', async () => {
    await secrets.manager.put(ANN, 'aws', body(), byAnn);
    const failing = body(newKeys(['s3:GetObject']));
    await secrets.manager.put(ANN, 'aws', failing, { ...byAnn, storeFailing: true });
    expect(await states()).toEqual(['1 active', '2 failed']);
    expect((await secrets.manager.getSecret(ANN, 'aws'))?.api_key).toBe(sandbox.accessKeyId);
    await secrets.manager.put(ANN, 'aws', body(newKeys()), byAnn);
    expect(await states()).toEqual(['1 superseded', '2 deleted', '3 active']);
  });

  it('keeps the active version active when a later test of it fails', async () => {
    const keys = newKeys();
    await secrets.manager.put(ANN, 'aws', body(keys), byAnn);
    sandbox.identities.revoke(keys.accessKeyId);
    const { secret, report } = await secrets.manager.testStored(ANN, 'aws', byAnn);
    expect([secret.state, report.status]).toEqual(['active', 'failed']);
    expect((await secrets.manager.list(ANN))[0]?.report?.status).toBe('failed');
  });

  it('rotates keys of the same bucket without stranding a copy', async () => {
    const first = await secrets.manager.put(ANN, 'aws', body(newKeys()), byAnn);
    const dataset = await addDataset('d', [{ secretId: first.secret.id }]);
    const second = await secrets.manager.put(ANN, 'aws', body(newKeys()), byAnn);
    const [copy] = await database.db.select().from(datasetReplicas).where(eq(datasetReplicas.datasetId, dataset));
    expect(copy?.secretId).toBe(second.secret.id);
    expect(await secrets.manager.retireUnused(60_000)).toBe(0);
    expect(await secrets.manager.retireUnused(0)).toBe(1);
    expect(await states()).toEqual(['1 deleted', '2 active']);
    expect(await secrets.manager.getSecretVersion(ANN, first.secret.id)).toBeUndefined();
  });

  it('keeps the superseded version that reaches another bucket, until its last copy is gone', async () => {
    await sandbox.createBucket('elsewhere').catch(() => undefined);
    const first = await secrets.manager.put(ANN, 'aws', body(), byAnn);
    const dataset = await addDataset('d', [{ secretId: first.secret.id }]);
    await secrets.manager.put(ANN, 'aws', body(sandbox, { s3_bucket: 'elsewhere' }), byAnn);
    expect(await secrets.manager.retireUnused(0)).toBe(0);
    expect(await states()).toEqual(['1 superseded', '2 active']);
    const old = await secrets.manager.getSecretVersion(ANN, first.secret.id);
    expect(old?.metadata).toMatchObject({ aws: { s3_bucket: sandbox.bucket } });
    await database.db.delete(datasetReplicas).where(eq(datasetReplicas.datasetId, dataset));
    expect(await secrets.manager.retireUnused(0)).toBe(1);
  });

  it('changes the place without asking for the keys again, and never gives the keys of one version to another body', async () => {
    await sandbox.createBucket('moved', { region: 'eu-west-1' }).catch(() => undefined);
    await secrets.manager.put(ANN, 'aws', body(), byAnn);
    const aws = { s3_bucket: 'moved', region: 'eu-west-1', endpoint: sandbox.url };
    const kept = { ...byAnn, keepKeys: true };
    expect((await secrets.manager.testInput(ANN, 'aws', { metadata: { aws } }, { keepKeys: true })).status).toBe('ok');
    await secrets.manager.put(ANN, 'aws', { metadata: { aws } }, kept);
    const stored = await secrets.manager.getSecret(ANN, 'aws');
    expect([stored?.version, stored?.api_key, stored?.metadata.aws.s3_bucket]).toEqual([
      2,
      sandbox.accessKeyId,
      'moved',
    ]);
    const half = { api_key: 'AKIAOTHER', metadata: { aws } };
    await expect(secrets.manager.put(ANN, 'aws', half, kept)).rejects.toMatchObject({ code: 'invalid_secret' });
    await expect(secrets.manager.put(BOB, 'aws', { metadata: { aws } }, kept)).rejects.toMatchObject({
      code: 'secret_not_found',
    });
  });

  it('refuses to delete what sole copies need, and says which datasets', async () => {
    const { secret } = await secrets.manager.put(ANN, 'aws', body(), byAnn);
    const secretId = secret.id;
    const sole = await addDataset('only in the bucket', [{ secretId }]);
    const doubtful = await addDataset('base copy is corrupt', [{ secretId }, { secretId: null, state: 'corrupt' }]);
    await addDataset('in both', [{ secretId }, { secretId: null }]);
    await expect(secrets.manager.delete(ANN, 'aws', byAnn)).rejects.toMatchObject({
      code: 'secret_in_use',
      details: {
        dataset_count: 2,
        datasets: [
          { id: doubtful, name: 'base copy is corrupt' },
          { id: sole, name: 'only in the bucket' },
        ],
      },
    });
    expect(await secrets.manager.usage(ANN, 'aws')).toMatchObject({
      replica_count: 3,
      dataset_count: 3,
      sole_copy_count: 2,
    });
    expect(await states()).toEqual(['1 active']);
    for (const id of [sole, doubtful]) {
      await database.db.update(trainingDatasets).set({ deletedAt: new Date() }).where(eq(trainingDatasets.id, id));
    }
    await secrets.manager.delete(ANN, 'aws', byAnn);
    expect(await states()).toEqual(['1 deleted']);
    const [row] = await database.db.select().from(rows);
    expect(row).toMatchObject({ ciphertext: null, wrappedKey: null, keyId: null });
    expect(await secrets.manager.getSecret(ANN, 'aws')).toBeUndefined();
    await expect(secrets.manager.delete(ANN, 'aws', byAnn)).rejects.toMatchObject({ code: 'secret_not_found' });
  });

  it('keeps users apart', async () => {
    const { secret } = await secrets.manager.put(ANN, 'aws', body(), byAnn);
    expect(await secrets.manager.getSecret(BOB, 'aws')).toBeUndefined();
    expect(await secrets.manager.getSecretVersion(BOB, secret.id)).toBeUndefined();
    expect(await secrets.manager.list(BOB)).toEqual([]);
    await expect(secrets.manager.delete(BOB, 'aws', { actor: BOB })).rejects.toMatchObject({
      code: 'secret_not_found',
    });
    await expect(secrets.manager.testStored(BOB, 'aws', { actor: BOB })).rejects.toMatchObject({
      code: 'secret_not_found',
    });
    expect(secrets.externalIdOf(ANN)).not.toBe(secrets.externalIdOf(BOB));
  });

  it('does not open a row that was moved to another user', async () => {
    const { secret } = await secrets.manager.put(ANN, 'aws', body(), byAnn);
    await database.db.update(rows).set({ userId: BOB }).where(eq(rows.id, secret.id));
    await expect(secrets.manager.getSecret(BOB, 'aws')).rejects.toMatchObject({ code: 'secret_damaged' });
  });

  it('gives each of many changes at once a version of its own, and leaves one active', async () => {
    const keys = Array.from({ length: 3 }, () => newKeys());
    await Promise.all(keys.map((each) => secrets.manager.put(ANN, 'aws', body(each), byAnn)));
    const all = await database.db.select().from(rows);
    expect(new Set(all.map((row) => row.version)).size).toBe(3);
    expect(all.filter((row) => row.state === 'active').length).toBe(1);
    const active = all.find((row) => row.state === 'active');
    expect((await secrets.manager.getSecret(ANN, 'aws'))?.id).toBe(active?.id);
  });

  it('runs a few tests of a user at a time, and refuses more', async () => {
    const stall = sandbox.faults.add({ operation: 'sts', action: { kind: 'stall' } });
    const gone = new AbortController();
    const running = Array.from({ length: 3 }, () =>
      secrets.manager.testInput(ANN, 'aws', body(), { signal: gone.signal }),
    );
    await expect(secrets.manager.testInput(ANN, 'aws', body())).rejects.toMatchObject({ code: 'too_many_tests' });
    gone.abort();
    await Promise.allSettled(running);
    sandbox.faults.remove(stall);
    expect((await secrets.manager.testInput(ANN, 'aws', body())).status).toBe('ok');
  });

  it('writes who did what, and no secret', async () => {
    await secrets.manager.put(ANN, 'aws', body(), byAnn);
    await secrets.manager.delete(ANN, 'aws', { actor: 'admin-7' });
    const log = await database.db.select().from(auditLog).orderBy(auditLog.id);
    expect(log.map(({ action, actor, userId }) => [action, actor, userId])).toEqual([
      ['secret.stored', ANN, ANN],
      ['secret.deleted', 'admin-7', ANN],
    ]);
    expect(JSON.stringify(log)).not.toContain(sandbox.accessKeyId);
  });

  it('remembers for seconds, and at once forgets what it changed itself', async () => {
    let nowMs = Date.now();
    const keys = { current: newMasterKey(), previous: [] };
    const here = secretsFor(database.db, guard, { keys, now: () => new Date(nowMs) });
    const there = secretsFor(database.db, guard, { keys, now: () => new Date(nowMs) });
    await here.manager.put(ANN, 'aws', body(), byAnn);
    const first = await here.manager.getSecret(ANN, 'aws');
    await there.manager.put(ANN, 'aws', body(newKeys()), byAnn);
    expect(await here.manager.getSecret(ANN, 'aws')).toBe(first);
    nowMs += 10_001;
    expect((await here.manager.getSecret(ANN, 'aws'))?.version).toBe(2);
    await here.manager.delete(ANN, 'aws', byAnn);
    expect(await here.manager.getSecret(ANN, 'aws')).toBeUndefined();
  });

  it('leaves no secret readable in any table', async () => {
    const keys = newKeys();
    const token = 'hf_thisIsATokenThatNobodySees';
    await secrets.manager.put(ANN, 'aws', body(keys), byAnn);
    await secrets.manager.put(ANN, 'huggingface', { api_key: token }, { ...byAnn, storeFailing: true });
    const { rows: tables } = await database.db.execute<{ name: string }>(
      sql`select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('longshore', 'public')`,
    );
    const dump = await Promise.all(
      tables.map(({ name }) => database.db.execute(sql.raw(`select t::text from ${name} t`))),
    );
    const text = JSON.stringify(dump.map((result) => result.rows));
    expect(text).toContain('secret.stored');
    for (const secret of [keys.accessKeyId, keys.secretAccessKey, token]) {
      const spellings = [secret, Buffer.from(secret).toString('hex'), Buffer.from(secret).toString('base64')];
      expect(spellings.filter((spelling) => text.includes(spelling))).toEqual([]);
    }
  });

  it('brings everything under a new master key, also after being stopped in the middle', async () => {
    const [before, after] = [newMasterKey(), newMasterKey()];
    const old = secretsFor(database.db, guard, { keys: { current: before, previous: [] } });
    await old.manager.put(ANN, 'aws', body(), byAnn);
    for (let version = 2; version <= 5; version++) await old.manager.put(ANN, 'aws', body(), byAnn);
    const both = secretsFor(database.db, guard, { keys: { current: after, previous: [before] }, rotationBatch: 2 });
    expect(await both.rotation.isNeeded()).toBe(true);
    const stop = new AbortController();
    const stopped = both.rotation.run({ signal: stop.signal, onProgress: () => stop.abort(new Error('stopped')) });
    await expect(stopped).rejects.toThrow('stopped');
    expect(await both.rotation.run()).toEqual({ rewrapped: 3, unknown: 0 });
    expect(await both.rotation.isNeeded()).toBe(false);
    expect(await both.rotation.keysInUse()).toEqual([{ key_id: after.id, secrets: 5, status: 'current' }]);
    const fresh = secretsFor(database.db, guard, { keys: { current: after, previous: [] } });
    expect((await fresh.manager.getSecret(ANN, 'aws'))?.api_key).toBe(sandbox.accessKeyId);
  });

  it('tells which secrets need a master key that is not known here', async () => {
    await secrets.manager.put(ANN, 'aws', body(), byAnn);
    const fresh = secretsFor(database.db, guard);
    await expect(fresh.manager.getSecret(ANN, 'aws')).rejects.toMatchObject({ code: 'unknown_encryption_key' });
    expect(await fresh.rotation.keysInUse()).toMatchObject([{ secrets: 1, status: 'unknown' }]);
    expect(await fresh.rotation.run()).toEqual({ rewrapped: 0, unknown: 1 });
  });
});
