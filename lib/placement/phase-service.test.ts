import { eq, sql } from 'drizzle-orm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AuditLog } from '@/lib/accounts/audit-log.ts';
import { datasetReplicas } from '@/lib/db/schema.ts';
import { JobQueue } from '@/lib/jobs/queue.ts';
import { BucketCheck } from '@/lib/placement/bucket-check.ts';
import type { Phase } from '@/lib/placement/phase.ts';
import type { PhaseGate } from '@/lib/placement/phase-gates.ts';
import { PhaseService } from '@/lib/placement/phase-service.ts';
import { addressOf, storesOfPhase } from '@/lib/placement/store-registry.ts';
import type { DoctorReport } from '@/lib/secrets/doctor/report.ts';
import { describeDatabase } from '@/tests/support/database.ts';
import { DatasetLab } from '@/tests/support/dataset-lab.ts';
import { deferred } from '@/tests/support/deferred.ts';

const PASSED: DoctorReport = {
  subject: 'aws',
  status: 'ok',
  summary: 'fine',
  checks: [],
  suggestions: {},
  started_at: '2026-01-01T00:00:00.000Z',
  duration_ms: 1,
};
const DAY_MS = 86_400_000;

describeDatabase('phases', (database) => {
  let lab: DatasetLab;
  let now: Date;
  let platform: DoctorReport;
  let changes: Phase[];

  beforeEach(async () => {
    lab = await DatasetLab.open(database.db, await DatasetLab.folder());
    now = new Date();
    platform = PASSED;
    changes = [];
  });
  afterEach(() => lab.dispose());

  function service(): PhaseService {
    const targets = { base: addressOf(lab.base.service, null), bucket: addressOf(lab.bucket.service, null) };
    const registry = {
      wanted: async (_userId: string, phase: Phase) => storesOfPhase(phase, targets),
      resolve: async () => lab.bucket.service,
    };
    const buckets = new BucketCheck({
      ...{ db: database.db, registry, now: () => now, hasPlatform: true },
      examinePlatform: async () => platform,
    });
    return new PhaseService({
      ...{ db: database.db, phases: lab.placed.phases, buckets, jobs: new JobQueue(database.db), now: () => now },
      ...{ audit: new AuditLog(database.db), onChange: (phase: Phase) => void changes.push(phase) },
    });
  }

  const gatesOf = async (next: Phase): Promise<PhaseGate[]> => (await service().check(next)).gates;
  const upload = async () => {
    const dataset = await lab.parts.creator.create(await lab.draft());
    await lab.runJobs();
    return dataset;
  };
  const unverify = (id: string) =>
    database.db.update(datasetReplicas).set({ verifiedAt: null }).where(eq(datasetReplicas.datasetId, id));

  test('dual_write asks for a bucket that passes its test', async () => {
    platform = { ...PASSED, status: 'failed', summary: 'Write: access denied' };
    const [gate] = await gatesOf('dual_write');
    expect(gate).toMatchObject({ code: 'bucket_works', ok: false, have: 0, need: 1 });
    expect(gate?.blockers[0]?.reason).toBe('Write: access denied');
    await expect(service().step('dual_write', 'ada')).rejects.toMatchObject({
      code: 'phase_blocked',
      details: { gates: [{ code: 'bucket_works', remedy: 'longshore secrets set aws' }] },
    });
    platform = PASSED;
    expect(await service().step('dual_write', 'ada')).toMatchObject({ phase: 'dual_write', forced: false });
    expect(changes).toEqual(['dual_write']);
  });

  test('hybrid_read waits for the S3 copies of what was written since dual_write, and of nothing older', async () => {
    await upload();
    await service().step('dual_write', 'ada');
    expect(await gatesOf('hybrid_read')).toMatchObject([{ ok: true, have: 0, need: 0 }]);
    const { id, name } = await upload();
    expect(await gatesOf('hybrid_read')).toMatchObject([{ ok: true, have: 1, need: 1, remedy: null }]);
    await unverify(id);
    expect(await gatesOf('hybrid_read')).toMatchObject([
      { ok: false, have: 0, need: 1, blockers: [{ id, name, reason: 'its S3 copy was not read back yet' }] },
    ]);
    await expect(service().step('hybrid_read', 'ada')).rejects.toMatchObject({ code: 'phase_blocked' });
  });

  test('what was written before dual_write is not copied to S3 by itself, what was written since is', async () => {
    const old = await upload();
    await service().step('dual_write', 'ada');
    await lab.runJobs();
    expect((await lab.placed.replicas.ofDataset(old.id)).map((copy) => copy.provider)).toEqual(['filesystem']);
    const { id } = await upload();
    await database.db.delete(datasetReplicas).where(sql`dataset_id = ${id} and provider = 's3'`);
    await lab.placed.reconciler.reconcile(id);
    expect((await lab.placed.replicas.ofDataset(id)).map((copy) => copy.provider)).toEqual(['filesystem', 's3']);
  });

  test('s3_primary asks for all copies, all buckets, fourteen days and a yes', async () => {
    const old = await upload();
    await lab.enterPhase(database.db, 'hybrid_read');
    expect(await gatesOf('s3_primary')).toMatchObject([
      { code: 'all_copies_verified', ok: false, blockers: [{ id: old.id, reason: 'has no S3 copy' }] },
      { code: 'users_have_buckets', ok: true, have: 1, need: 1 },
      { code: 'phase_held', ok: false, have: 0, need: 14 },
      { code: 'confirmed', ok: false },
    ]);
    await lab.parts.service.delete('ada', old.id);
    await upload();
    now = new Date(now.getTime() + 13.99 * DAY_MS);
    expect((await gatesOf('s3_primary'))[2]).toMatchObject({ ok: false, have: 13.9 });
    now = new Date(now.getTime() + DAY_MS);
    await expect(service().step('s3_primary', 'ada')).rejects.toMatchObject({ code: 'phase_blocked' });
    expect(await service().step('s3_primary', 'ada', { confirm: true })).toMatchObject({ phase: 's3_primary' });
  });

  test('a user whose bucket does not answer blocks s3_primary', async () => {
    await upload();
    await lab.enterPhase(database.db, 'hybrid_read');
    lab.bucket.failing = 'unauthorized';
    expect((await gatesOf('s3_primary'))[1]).toMatchObject({
      code: 'users_have_buckets',
      ok: false,
      have: 0,
      blockers: [{ id: 'ada', reason: 'its bucket refuses (unauthorized)' }],
    });
  });

  test('a forced entry records who, why and which gates stood; a yes cannot be forced', async () => {
    await upload();
    await lab.enterPhase(database.db, 'hybrid_read');
    await expect(service().step('s3_primary', 'ada', { force: true })).rejects.toMatchObject({
      code: 'reason_required',
    });
    const forced = { force: true, reason: 'the base store is being switched off' };
    await expect(service().step('s3_primary', 'ada', forced)).rejects.toMatchObject({ code: 'phase_blocked' });
    const entry = await service().step('s3_primary', 'ada', { ...forced, confirm: true });
    expect(entry).toMatchObject({ actor: 'ada', forced: true, reason: forced.reason });
    expect((entry.gates as { gates: PhaseGate[] }).gates.filter((gate) => !gate.ok)).not.toEqual([]);
    const [record] = await new AuditLog(database.db).list({ limit: 1 });
    expect(record).toMatchObject({ actor: 'ada', action: 'phase.changed', subject: 's3_primary' });
    expect(record?.details).toEqual({ from: 'hybrid_read', forced: true, reason: forced.reason });
  });

  test('a force that nothing stood against is no forced entry', async () => {
    const entry = await service().step('dual_write', 'ada', { force: true, reason: 'to be sure' });
    expect(entry).toMatchObject({ forced: false });
  });

  test('forward goes one phase at a time; the present phase again is no new entry', async () => {
    await expect(service().step('hybrid_read', 'ada')).rejects.toMatchObject({ code: 'phase_out_of_order' });
    await expect(service().check('base_only')).rejects.toMatchObject({ code: 'phase_out_of_order' });
    await expect(service().back('ada')).rejects.toMatchObject({ code: 'phase_out_of_order' });
    const before = await service().current();
    expect(await service().step('base_only', 'ada')).toEqual(before);
    expect(changes).toEqual([]);
  });

  test('back needs no gate, and what only S3 has is then copied to the base store', async () => {
    await lab.enterPhase(database.db, 's3_primary');
    const { id } = await upload();
    const { previous } = await service().overview();
    expect(previous).toMatchObject({ phase: 'hybrid_read', toCopy: { datasets: 1 } });
    expect(previous?.consequences.join(' ')).toContain('1 dataset that only S3 has is copied to the base store');
    platform = { ...PASSED, status: 'failed' };
    expect(await service().back('ada', 'costs')).toMatchObject({
      phase: 'hybrid_read',
      reason: 'costs',
      forced: false,
    });
    expect((await lab.parts.urls.generateDownloadUrl({ userId: 'ada', datasetId: id })).provider).toBe('s3');
    await lab.runJobs();
    const copies = await lab.placed.replicas.ofDataset(id);
    expect(copies.map(({ provider, state }) => [provider, state])).toEqual([
      ['s3', 'completed'],
      ['filesystem', 'completed'],
    ]);
    expect(copies.every((copy) => copy.verifiedAt !== null)).toBe(true);
    expect(await service().step('base_only', 'ada')).toMatchObject({ phase: 'base_only' });
    expect((await service().overview()).history.map((entry) => entry.phase)).toEqual([
      'base_only',
      'hybrid_read',
      's3_primary',
      'base_only',
    ]);
  });

  // The embedded database runs one transaction at a time: there nobody overtakes.
  if (database.kind === 'postgres') {
    test('is changed in its turn, however many hold it one after the other', async () => {
      const { db } = database;
      const { phases } = lab.placed;
      const order: string[] = [];
      const first = deferred();
      const held = deferred();
      const holder = db.transaction(async (tx) => {
        await phases.hold(tx);
        held.settle();
        await first.promise;
      });
      await held.promise;
      const change = lab.enterPhase(db, 'dual_write').then(() => order.push('changed'));
      const waiting = async () => {
        const { rows } = await db.execute(sql`select 1 from pg_locks l join pg_database d on d.oid = l.database
          where d.datname = current_database() and l.locktype = 'advisory' and not l.granted`);
        return rows.length;
      };
      await expect.poll(waiting).toBe(1);
      const late = db.transaction((tx) => phases.hold(tx)).then((phase) => order.push(phase));
      await expect.poll(waiting).toBe(2);
      expect(order).toEqual([]);
      first.settle();
      await Promise.all([holder, change, late]);
      expect(order).toEqual(['changed', 'dual_write']);
    });
  }
});
