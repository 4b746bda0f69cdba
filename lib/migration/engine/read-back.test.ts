import { afterAll, beforeAll, expect, test } from 'vitest';
import { ByteBudget } from '@/lib/migration/engine/byte-budget.ts';
import { PieceMemory } from '@/lib/migration/engine/piece-memory.ts';
import { digestAt } from '@/lib/migration/engine/read-back.ts';
import { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import { S3StorageService } from '@/lib/storage/s3-storage-service.ts';
import { bufferBody } from '@/lib/streams/replayable-body.ts';
import { seededBytes } from '@/tests/support/migration/seed.ts';
import { type S3TestStore, startS3TestStore } from '@/tests/support/s3-store.ts';
import { sha256 } from '@/tests/support/sandbox-clients.ts';

const MIB = 1024 * 1024;
const guard = new EndpointGuard({ allowPrivateEndpoints: true });
let s3: S3TestStore;
let service: S3StorageService;

beforeAll(async () => {
  s3 = await startS3TestStore();
  service = new S3StorageService(s3.config, { guard });
});
afterAll(async () => {
  guard.close();
  await s3.close();
});

function memoryOf(bytes: number) {
  const budget = new ByteBudget(bytes);
  return { budget, pieces: new PieceMemory(budget, 8 * MIB) };
}

function readBack(key: string, sizeBytes: number, memory = memoryOf(16 * MIB)) {
  const options = { sizeBytes, versionId: undefined, signal: new AbortController().signal };
  return digestAt({ service, memory }, key, options);
}

test.each([
  ['as large as it should be', 20 * MIB + 3, 20 * MIB + 3],
  ['larger than one piece, and should be small', 17 * MIB, 1000],
  ['small, and should be larger than one piece', 1000, 17 * MIB],
  ['empty', 0, 0],
])('an object is hashed to its end: %s', async (name, actualBytes, expectedBytes) => {
  const bytes = seededBytes(name, actualBytes);
  await service.put(name, bufferBody(bytes));
  const found = await readBack(name, expectedBytes);
  expect(found).toMatchObject({ sha256: sha256(bytes), sizeBytes: actualBytes, stat: { sizeBytes: actualBytes } });
});

test('several at once share the memory of one, and each gives its own hash', async () => {
  const memory = memoryOf(16 * MIB);
  const objects = ['a', 'b', 'c'].map((key) => ({ key, bytes: seededBytes(key, 18 * MIB) }));
  for (const { key, bytes } of objects) await service.put(key, bufferBody(bytes));
  const found = await Promise.all(objects.map(({ key, bytes }) => readBack(key, bytes.length, memory)));
  expect(found.map((digest) => digest?.sha256)).toEqual(objects.map(({ bytes }) => sha256(bytes)));
});

test('an object that is not there is told as such', async () => {
  expect(await readBack('nowhere', 5)).toBeUndefined();
  expect(await readBack('nowhere', 50 * MIB)).toBeUndefined();
});
