import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isBad, isVerified, planPlacement } from './placement-plan.ts';
import { mayMove, type Replica, type ReplicaState, sourcesOf } from './replica.ts';
import { inReadOrder } from './replica-reader.ts';
import { storageViewOf } from './storage-view.ts';
import { type StoreTarget, sameStore } from './store-registry.ts';

const STATES: readonly ReplicaState[] = ['pending', 'completed', 'failed', 'missing', 'corrupt', 'deleting'];
const target = (bucket: string): StoreTarget => ({
  provider: bucket === 's3' ? 's3' : 'filesystem',
  bucket,
  endpoint: null,
  region: null,
  secretId: null,
});
const STORES = [target('base'), target('s3'), target('old')];

let made = 0;
function replicaOf(store: StoreTarget, state: ReplicaState, generation: number, verified: boolean): Replica {
  made += 1;
  const at = new Date(made);
  return {
    ...store,
    id: `r${made}`,
    datasetId: 'd',
    userId: 'u',
    objectKey: `u/${store.bucket}/d.g${generation}`,
    generation,
    versionId: null,
    state,
    attempt: 0,
    preferred: true,
    sizeBytes: 1,
    objectSha256: 'x',
    uploadState: null,
    errorCode: null,
    errorMessage: null,
    completedAt: at,
    verifiedAt: state === 'completed' && verified ? at : null,
    createdAt: at,
    updatedAt: at,
  };
}

/** Any set of rows that one dataset can have: generations of a store are all different. */
const replicas = fc
  .array(fc.tuple(fc.constantFrom(...STORES), fc.constantFrom(...STATES), fc.boolean()), { maxLength: 8 })
  .map((rows) => rows.map(([store, state, verified], generation) => replicaOf(store, state, generation, verified)));
const wanted = fc.subarray(STORES, { minLength: 1 });

/** What happens when every planned step succeeds. */
function carryOut(targets: readonly StoreTarget[], rows: readonly Replica[]): Replica[] {
  const plan = planPlacement(targets, rows);
  const begun = plan.begin.map(({ target, generation }) => replicaOf(target, 'pending', generation, false));
  const written = rows.map((row): Replica => (plan.write.includes(row) ? { ...row, state: 'completed' } : row));
  const verified = written.map(
    (row): Replica => (plan.verify.some(({ id }) => id === row.id) ? { ...row, verifiedAt: new Date() } : row),
  );
  const retired = new Set(plan.retire.map(({ id }) => id));
  return [...verified.filter(({ id, state }) => !retired.has(id) && state !== 'deleting'), ...begun];
}

test('a plan that is carried out again and again ends with one verified copy in every wanted store', () => {
  fc.assert(
    fc.property(wanted, replicas, (targets, start) => {
      let rows: Replica[] = start;
      for (let round = 0; round < 6; round += 1) rows = carryOut(targets, rows);
      const plan = planPlacement(targets, rows);
      expect(plan).toMatchObject({ begin: [], write: [], verify: [], settled: true });
      for (const store of targets) expect(rows.some((row) => sameStore(row, store) && isVerified(row))).toBe(true);
    }),
  );
});

test('a plan never retires a good copy, nor a bad one without a verified one in the same store', () => {
  fc.assert(
    fc.property(wanted, replicas, (targets, rows) => {
      for (const retired of planPlacement(targets, rows).retire) {
        expect(isBad(retired)).toBe(true);
        expect(rows.some((row) => sameStore(row, retired) && isVerified(row))).toBe(true);
      }
    }),
  );
});

test('a copy is begun under a generation that no row of the store has, whatever its state', () => {
  fc.assert(
    fc.property(wanted, replicas, (targets, rows) => {
      for (const { target, generation } of planPlacement(targets, rows).begin) {
        const taken = rows.filter((row) => sameStore(row, target)).map((row) => row.generation);
        expect(taken).not.toContain(generation);
      }
    }),
  );
});

test('the spool is settled only when every wanted store has a copy that was read back', () => {
  fc.assert(
    fc.property(wanted, replicas, (targets, rows) => {
      const all = targets.every((store) => rows.some((row) => sameStore(row, store) && isVerified(row)));
      expect(planPlacement(targets, rows).settled).toBe(all);
    }),
  );
});

test('the state machine has no way out of deleting, and none into it but by its own word', () => {
  for (const to of STATES) expect(mayMove('deleting', to)).toBe(false);
  expect(sourcesOf('deleting').sort()).toEqual(['completed', 'corrupt', 'failed', 'missing', 'pending']);
  expect(sourcesOf('pending').sort()).toEqual(['failed', 'pending']);
  expect(mayMove('pending', 'missing')).toBe(false);
});

test('reads keep the order of the phase, then verified copies, then newer generations', () => {
  const rows = [
    replicaOf(target('base'), 'completed', 0, false),
    replicaOf(target('base'), 'completed', 1, true),
    replicaOf(target('s3'), 'completed', 0, false),
    replicaOf(target('s3'), 'completed', 2, false),
  ];
  const order = (phase: Parameters<typeof inReadOrder>[0]) =>
    inReadOrder(phase, rows).map((row) => `${row.bucket}${row.generation}`);
  expect(order('dual_write')).toEqual(['base1', 'base0', 's32', 's30']);
  expect(order('hybrid_read')).toEqual(['s32', 's30', 'base1', 'base0']);
});

test('old readers see the base key first, then S3, and both as dual', () => {
  const base = replicaOf(target('base'), 'completed', 0, true);
  const s3 = replicaOf(target('s3'), 'completed', 0, true);
  expect(storageViewOf([base, s3])).toEqual({
    storagePath: base.objectKey,
    storageProvider: 'filesystem',
    metadataProvider: 'dual',
    s3StoragePath: s3.objectKey,
  });
  expect(storageViewOf([{ ...base, state: 'missing' }, s3])).toMatchObject({
    storagePath: s3.objectKey,
    metadataProvider: 's3',
  });
  expect(storageViewOf([])).toBeUndefined();
});
