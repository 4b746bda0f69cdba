import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeDatabase } from '@/tests/support/database.ts';
import { DatasetLab } from '@/tests/support/dataset-lab.ts';

describeDatabase('creating a dataset', (database) => {
  let lab: DatasetLab;

  beforeEach(async () => {
    lab = await DatasetLab.open(database.db, await DatasetLab.folder());
  });
  afterEach(() => lab.dispose());

  test('gives a ready dataset with one copy, a manifest beside it, and a spool until it was read back', async () => {
    const dataset = await lab.parts.creator.create(await lab.draft());
    expect(dataset).toMatchObject({
      status: 'ready',
      storage_provider: 'filesystem',
      replicas: [{ state: 'completed' }],
    });
    const key = `ada/private/${dataset.id}`;
    expect(await lab.remains()).toEqual({
      base: [`${key}.jsonl.gz`, `${key}.manifest.json`],
      bucket: [],
      spool: [expect.stringMatching(/\.jsonl\.gz$/)],
      manifests: [`${dataset.id}.json`],
    });
    await lab.runJobs();
    expect((await lab.remains()).spool).toEqual([]);
    const [replica] = await lab.placed.replicas.ofDataset(dataset.id);
    expect(replica?.verifiedAt).toBeInstanceOf(Date);
  });

  test('in dual_write there are two copies, and the spool stays until both were read back', async () => {
    await lab.enterPhase(database.db, 'dual_write');
    const dataset = await lab.parts.creator.create(await lab.draft());
    expect(dataset.replicas.map(({ provider, state }) => [provider, state])).toEqual([
      ['filesystem', 'completed'],
      ['s3', 'completed'],
    ]);
    expect(dataset.metadata).toMatchObject({
      storage_provider: 'dual',
      s3_storage_path: `ada/datasets/${dataset.id}.jsonl.gz`,
    });
    const [first, second] = await lab.placed.replicas.ofDataset(dataset.id);
    await lab.placed.worker.verify(first?.id ?? '');
    expect((await lab.remains()).spool).toHaveLength(1);
    await lab.placed.worker.verify(second?.id ?? '');
    expect((await lab.remains()).spool).toEqual([]);
  });

  test('a store that is down does not fail the upload: its copy follows from the spool', async () => {
    await lab.enterPhase(database.db, 'dual_write');
    lab.bucket.failing = 'unavailable';
    const dataset = await lab.parts.creator.create(await lab.draft());
    expect(dataset.replicas.map(({ provider, state, error }) => [provider, state, error?.code])).toEqual([
      ['filesystem', 'completed', undefined],
      ['s3', 'failed', 'unavailable'],
    ]);
    expect(dataset.metadata.storage_provider).toBe('filesystem');
    lab.bucket.failing = undefined;
    await lab.runJobs();
    expect((await lab.remains()).bucket).toContain(`ada/datasets/${dataset.id}.jsonl.gz`);
    expect((await lab.remains()).spool).toEqual([]);
    const healed = await lab.parts.datasets.get('ada', dataset.id);
    expect(healed.metadata).toMatchObject({ storage_provider: 'dual' });
  });

  test('a slow store is handed over to a job after the bounded wait', async () => {
    await lab.enterPhase(database.db, 'dual_write');
    const impatient = await DatasetLab.open(database.db, lab.folder, { waitMs: 0 });
    let release: () => void = () => undefined;
    impatient.bucket.beforePut = () => new Promise((resolve) => (release = resolve));
    const dataset = await impatient.parts.creator.create(await impatient.draft());
    expect(dataset.replicas.map((replica) => replica.state)).toEqual(['completed', 'pending']);
    impatient.bucket.beforePut = async () => undefined;
    release();
    await impatient.runJobs();
    const replicas = await lab.placed.replicas.ofDataset(dataset.id);
    expect(replicas.map((replica) => [replica.state, replica.verifiedAt !== null])).toEqual([
      ['completed', true],
      ['completed', true],
    ]);
    await impatient.close();
  });

  test.each(['unavailable', 'disk_full'] as const)('when no store takes it (%s), nothing stays', async (code) => {
    lab.base.failing = code;
    const draft = await lab.draft([{ a: 1 }], { idempotency: { key: 'k', requestSha256: 'x' } });
    await expect(lab.parts.creator.create(draft)).rejects.toMatchObject({ code });
    lab.base.failing = undefined;
    await lab.runJobs();
    expect(await lab.remains()).toEqual({ base: [], bucket: [], spool: [], manifests: [] });
    expect(
      await lab.parts.datasets.list('ada', { order: { sort: 'created', descending: true }, limit: 10, status: 'all' }),
    ).toEqual([]);
    expect(await lab.parts.idempotency.take('ada', 'k')).toBeUndefined();
  });
});
