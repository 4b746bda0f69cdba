import { afterAll, beforeAll, expect, it } from 'vitest';
import { secrets as rows } from '@/lib/db/schema.ts';
import { JobClaims } from '@/lib/jobs/claims.ts';
import { JobQueue } from '@/lib/jobs/queue.ts';
import { JobRunner } from '@/lib/jobs/runner.ts';
import { Schedules } from '@/lib/jobs/schedules.ts';
import { silentLogger } from '@/lib/observability/logger.ts';
import { enqueueSecretJobs, registerSecretJobs } from '@/lib/secrets/secret-jobs.ts';
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

describeDatabase('the jobs of secrets', (database) => {
  let runner: JobRunner;

  it('carry a replaced master key through all secrets after a start, and do no more at the next', async () => {
    const [before, after] = [newMasterKey(), newMasterKey()];
    const aws = { secret_access_key: sandbox.secretAccessKey, s3_bucket: sandbox.bucket, endpoint: sandbox.url };
    const old = secretsFor(database.db, guard, { keys: { current: before, previous: [] } });
    await old.manager.put('ann', 'aws', { api_key: sandbox.accessKeyId, metadata: { aws } }, { actor: 'ann' });

    const secrets = secretsFor(database.db, guard, { keys: { current: after, previous: [before] } });
    const queue = new JobQueue(database.db);
    const schedules = new Schedules(database.db, queue);
    const settled: string[] = [];
    const both = new Promise<void>((resolve) => {
      const onSettled = ({ type }: { type: string }) => {
        settled.push(type);
        if (settled.length === 2) resolve();
      };
      const timing = { pollMs: 20, sweepMs: 20 };
      const options = { queue, schedules, claims: new JobClaims(database.db), owner: 'one', log: silentLogger() };
      runner = new JobRunner({ ...options, timing, onSettled });
    });
    registerSecretJobs(runner, secrets);
    await enqueueSecretJobs({ queue, schedules }, secrets);
    runner.start();
    await both;
    await runner.stop();
    expect(settled.sort()).toEqual(['secrets.retire', 'secrets.rewrap']);
    const [row] = await database.db.select().from(rows);
    expect(row?.keyId).toBe(after.id);
    await enqueueSecretJobs({ queue, schedules }, secrets);
    expect((await queue.list({ type: 'secrets.rewrap', states: ['queued'] })).length).toBe(0);
  });
});
