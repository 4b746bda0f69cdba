import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { newId } from '@/lib/db/ids.ts';
import { secrets as rows, trainingDatasets } from '@/lib/db/schema.ts';
import { AwsDoctor } from '@/lib/secrets/doctor/aws-doctor.ts';
import {
  InstallationDoctor,
  type InstallationDoctorOptions,
  type InstallationReport,
} from '@/lib/secrets/doctor/installation-doctor.ts';
import { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import { HttpClient } from '@/lib/storage/http-client.ts';
import { FileUrlSigner } from '@/lib/storage/signed-file-url.ts';
import { createStorageService, type DatasetStorage } from '@/lib/storage/storage-factory.ts';
import { type S3Sandbox, startS3Sandbox } from '@/sandbox/s3/start-s3-sandbox.ts';
import { describeDatabase } from '@/tests/support/database.ts';
import { secretsFor } from '@/tests/support/secrets.ts';

const guard = new EndpointGuard({ allowPrivateEndpoints: true });
const client = new HttpClient(guard, { provider: 's3', operation: 'probe' });
const send = (call: Parameters<HttpClient['send']>[0]) => client.send(call);
let sandbox: S3Sandbox;
let dataDir: string;
let baseStore: DatasetStorage;

beforeAll(async () => {
  sandbox = await startS3Sandbox();
});
afterAll(async () => {
  guard.close();
  await sandbox.close();
});

const check = (report: InstallationReport, id: string) => report.checks.find((c) => c.id === id);
const possible = (report: InstallationReport) => report.phases.filter((p) => p.possible).map((p) => p.phase);

describeDatabase('InstallationDoctor', (database) => {
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'longshore-doctor-'));
    const signer = new FileUrlSigner({ publicUrl: 'http://127.0.0.1', keys: [{ id: 'k', secret: Buffer.alloc(32) }] });
    baseStore = await createStorageService('filesystem', { root: join(dataDir, 'objects'), signer });
    return () => rm(dataDir, { recursive: true, force: true });
  });

  function doctor(changes: Partial<InstallationDoctorOptions> = {}): InstallationDoctor {
    const now = () => new Date();
    return new InstallationDoctor({
      ...{ database: database.handle, baseStore, dataDir, now, sendToSelf: send },
      rotation: secretsFor(database.db, guard).rotation,
      diskReserveBytes: 1,
      publicUrl: undefined,
      platformBucket: undefined,
      bucketDoctor: new AwsDoctor({ send, now, platform: undefined, allowPlainHttp: true }),
      ...changes,
    });
  }

  const platformBucket = (bucket = sandbox.bucket) => ({
    ...{ bucket, region: 'us-east-1', endpoint: sandbox.url },
    credentials: async () => ({ accessKeyId: sandbox.accessKeyId, secretAccessKey: sandbox.secretAccessKey }),
  });

  it('finds a fresh installation well, able to be base_only, and leaves nothing behind', async () => {
    const report = await doctor().examine();
    expect(report.checks.map(({ id, status }) => `${id} ${status}`)).toEqual([
      'database ok',
      'clock ok',
      'encryption ok',
      'disk ok',
      'base_store ok',
      'public_url skipped',
    ]);
    expect(report.status).toBe('ok');
    expect(possible(report)).toEqual(['base_only']);
    expect(report.phases.find((p) => p.phase === 'dual_write')?.reason).toContain('S3_BUCKET');
    const files = await readdir(dataDir, { recursive: true, withFileTypes: true });
    expect(files.filter((file) => file.isFile() && file.name.includes('doctor'))).toEqual([]);
  });

  it('says that dual_write is possible with a platform bucket, or with a user who has one', async () => {
    const platform = await doctor({ platformBucket: platformBucket() }).examine();
    expect(possible(platform)).toEqual(['base_only', 'dual_write']);
    expect(platform.platform_bucket?.status).toBe('ok');
    expect(sandbox.objects.keys()).toEqual([]);
    const secrets = secretsFor(database.db, guard);
    const aws = { secret_access_key: sandbox.secretAccessKey, s3_bucket: sandbox.bucket, endpoint: sandbox.url };
    await secrets.manager.put('ann', 'aws', { api_key: sandbox.accessKeyId, metadata: { aws } }, { actor: 'ann' });
    const user = await doctor({ rotation: secrets.rotation }).examine();
    expect(possible(user)).toEqual(['base_only', 'dual_write']);
    expect(user.data).toMatchObject({ users_with_bucket: 1 });
  });

  it('tells a platform bucket that does not work, without failing what works without it', async () => {
    const report = await doctor({ platformBucket: platformBucket('no-such-bucket') }).examine();
    expect(check(report, 'platform_bucket')).toMatchObject({ status: 'failed', required: false });
    expect(report.platform_bucket?.checks.find((c) => c.id === 'bucket')?.code).toBe('bucket_not_found');
    expect([report.status, possible(report)]).toEqual(['ok', ['base_only']]);
  });

  it('counts what there is to move', async () => {
    const row = (size: number | null) => ({
      id: newId(),
      userId: 'u',
      name: 'n',
      format: 'messages',
      storagePath: 'p',
      fileSizeBytes: size,
    });
    await database.db.insert(trainingDatasets).values([row(3_000_000_000), row(4_000_000_000), row(null)]);
    await database.db.insert(trainingDatasets).values({ ...row(5), deletedAt: new Date() });
    expect((await doctor().examine()).data).toEqual({
      datasets: 3,
      bytes: 7_000_000_000,
      datasets_of_unknown_size: 1,
      users_with_datasets: 1,
      users_with_bucket: 0,
    });
  });

  it('tells secrets whose master key is not known', async () => {
    const aws = {
      ciphertext: Buffer.from('x'),
      wrappedKey: Buffer.from('x'),
      keyId: 'feedbeef',
      state: 'active',
    } as const;
    await database.db.insert(rows).values({ id: newId(), userId: 'u', provider: 'aws', version: 1, ...aws });
    const report = await doctor().examine();
    expect(check(report, 'encryption')).toMatchObject({ status: 'failed', code: 'unknown_encryption_key' });
    expect(check(report, 'encryption')?.message).toContain('feedbeef');
    expect(report.status).toBe('failed');
  });

  it('tells a full disk, and one that may not be written', async () => {
    const full = await doctor({ diskReserveBytes: Number.MAX_SAFE_INTEGER }).examine();
    expect(check(full, 'disk')).toMatchObject({ status: 'failed', code: 'disk_full', required: true });
    const missing = await doctor({ dataDir: join(dataDir, 'not-there') }).examine();
    expect(check(missing, 'disk')).toMatchObject({ status: 'failed', code: 'not_writable' });
  });

  it('tells a base store that is gone', async () => {
    const gone = new EndpointGuard({ allowPrivateEndpoints: true });
    const supabase = { url: 'http://127.0.0.1:9', serviceRoleKey: 'k'.repeat(40), bucket: 'training-datasets' };
    const broken = createStorageService('supabase', supabase, { guard: gone });
    const report = await doctor({ baseStore: broken, timeoutMs: 2000 }).examine();
    expect(check(report, 'base_store')).toMatchObject({ status: 'failed' });
    expect(possible(report)).toEqual([]);
    gone.close();
  });

  it('asks PUBLIC_URL, and tells an address that other machines cannot reach', async () => {
    const local = await doctor({ publicUrl: new URL('http://127.0.0.1:3000') }).examine();
    expect(check(local, 'public_url')).toMatchObject({ code: 'public_url_unreachable', required: false });
    const named = async () => ({ status: 200, headers: {}, body: Buffer.from('{}') });
    const plain = await doctor({ publicUrl: new URL('http://longshore.example.org'), sendToSelf: named }).examine();
    expect(check(plain, 'public_url')).toMatchObject({ code: 'insecure_public_url' });
    const good = await doctor({ publicUrl: new URL('https://longshore.example.org'), sendToSelf: named }).examine();
    expect(check(good, 'public_url')).toMatchObject({ status: 'ok' });
  });
});
