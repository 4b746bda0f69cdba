import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { scanRecords } from '@/lib/datasets/record-scan.ts';
import { bufferBody } from '@/lib/streams/replayable-body.ts';
import { describeDatabase } from '@/tests/support/database.ts';
import { DatasetLab } from '@/tests/support/dataset-lab.ts';

const MIB = 1 << 20;

describeDatabase('reading records', (database) => {
  let lab: DatasetLab;

  beforeEach(async () => {
    lab = await DatasetLab.open(database.db, await DatasetLab.folder());
  });
  afterEach(() => lab.dispose());

  const take = async (lines: readonly string[]) => {
    const words = { name: 'big', format: 'auto' as const };
    const body = Readable.from(lines.map((line) => Buffer.from(`${line}\n`)));
    const { dataset } = await lab.parts.intake.receive({
      ...{ userId: 'ada', body, fileName: 'big.jsonl', declaredBytes: undefined, words },
    });
    return dataset;
  };

  test('a preview in the middle of a large dataset reads at most 1 MiB of it, hard to compress as it may be', async () => {
    const lines = Array.from({ length: 6000 }, () => JSON.stringify({ text: randomBytes(4000).toString('base64') }));
    const dataset = await take(lines);
    expect(dataset.file_size_bytes).toBeGreaterThan(20 * MIB);
    for (const offset of [0, 2999, 3000, 5990]) {
      lab.base.bytesRead = 0;
      const page = await lab.parts.service.preview('ada', dataset.id, { offset, limit: 10 });
      expect(page.examples).toEqual(lines.slice(offset, offset + page.examples.length));
      expect(page.examples.length).toBeGreaterThan(0);
      expect(lab.base.bytesRead).toBeGreaterThan(0);
      expect(lab.base.bytesRead).toBeLessThanOrEqual(MIB);
    }
  });

  test('a preview comes from the other copy when the first is gone, and the loss is looked into', async () => {
    await lab.enterPhase(database.db, 'dual_write');
    const dataset = await take(['{"text":"one"}', '{"text":"two"}']);
    await lab.runJobs();
    await lab.base.service.delete(dataset.storage_path);
    const page = await lab.parts.service.preview('ada', dataset.id, { offset: 1, limit: 5 });
    expect(page.examples).toEqual(['{"text":"two"}']);
    await lab.runJobs();
    const { replicas } = await lab.parts.service.get('ada', dataset.id);
    expect(replicas.map(({ provider, state }) => [provider, state])).toEqual([
      ['s3', 'completed'],
      ['filesystem', 'completed'],
    ]);
  });

  test('a URL is signed for the copy that answers, and says why it is not the preferred one', async () => {
    await lab.enterPhase(database.db, 'hybrid_read');
    const dataset = await take(['{"text":"one"}']);
    const ask = () => lab.parts.urls.generateDownloadUrl({ datasetId: dataset.id, userId: 'ada' });
    expect(await ask()).toMatchObject({ provider: 's3', token: 's3-presigned' });
    const later = await DatasetLab.open(database.db, lab.folder);
    later.bucket.failing = 'unavailable';
    const byPath = { storagePath: dataset.storage_path, userId: 'ada' };
    expect(await later.parts.urls.generateDownloadUrl(byPath)).toMatchObject({
      provider: 'filesystem',
      fallback_reason: 's3_unavailable',
    });
    await expect(later.parts.urls.generateDownloadUrl({ ...byPath, userId: 'eve' })).rejects.toMatchObject({
      code: 'dataset_not_found',
    });
    later.base.failing = 'unavailable';
    await expect(later.parts.urls.generateDownloadUrl(byPath)).rejects.toMatchObject({ code: 'unavailable' });
    await later.close();
  });

  test('an object without a block index is scanned, and no further than it must be', async () => {
    const lines = Array.from({ length: 50 }, (_, index) => `{"text":"${index}"}`);
    await lab.base.service.put('ada/private/old.jsonl.gz', bufferBody(gzipSync(lines.join('\n'))));
    const dataset = await take(['{"text":"x"}']);
    const [replica] = await lab.placed.replicas.ofDataset(dataset.id);
    if (replica === undefined) throw new Error('no copy');
    const open = { replica: { ...replica, objectKey: 'ada/private/old.jsonl.gz' }, service: lab.base.service };
    const page = await scanRecords(open, { offset: 48, limit: 5 });
    expect(page).toEqual({ records: ['{"text":"48"}', '{"text":"49"}'], offset: 48, total: 50 });
  });
});
