import { createHash } from 'node:crypto';
import type { Database } from '@/lib/db/database.ts';
import { newId } from '@/lib/db/ids.ts';
import { datasetReplicas, trainingDatasets } from '@/lib/db/schema.ts';
import { addressOf } from '@/lib/placement/store-registry.ts';
import { datasetObjectKey } from '@/lib/storage/object-key.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';
import { bufferBody } from '@/lib/streams/replayable-body.ts';

export interface SeededDataset {
  id: string;
  userId: string;
  key: string;
  sizeBytes: number;
  sha256: string;
}

export interface Seed {
  id: string;
  userId?: string;
  sizeBytes: number;
  /** A row from before Longshore: nobody has hashed it yet. */
  unknownHash?: boolean;
}

/** Datasets that lie in the base store only, as adoption or base_only leaves them. */
export async function seedDatasets(
  db: Database,
  base: StorageService,
  seeds: readonly Seed[],
): Promise<SeededDataset[]> {
  const seeded: SeededDataset[] = [];
  for (const seed of seeds) seeded.push(await seedOne(db, base, seed));
  return seeded;
}

async function seedOne(db: Database, base: StorageService, seed: Seed): Promise<SeededDataset> {
  const { id, userId = 'ada', sizeBytes, unknownHash = false } = seed;
  const bytes = seededBytes(id, sizeBytes);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const key = datasetObjectKey('supabase', userId, id);
  await base.put(key, bufferBody(bytes, { sha256 }), { contentType: 'application/gzip' });
  await insertDatasets(db, base, [{ id, userId, key, sizeBytes, sha256 }], unknownHash);
  return { id, userId, key, sizeBytes, sha256 };
}

/** Rows only: the objects are there already. */
export async function insertDatasets(
  db: Database,
  base: StorageService,
  datasets: readonly SeededDataset[],
  unknownHash = false,
): Promise<void> {
  const known = (sha256: string) => (unknownHash ? null : sha256);
  await db.insert(trainingDatasets).values(
    datasets.map(({ id, userId, key, sizeBytes, sha256 }) => ({
      ...{ id, userId, name: `name of ${id}`, format: 'messages', storagePath: key, storageProvider: 'supabase' },
      ...{ fileSizeBytes: sizeBytes, objectSha256: known(sha256), metadata: { original_format: 'messages' } },
    })),
  );
  await db.insert(datasetReplicas).values(
    datasets.map(({ id, userId, key, sizeBytes, sha256 }) => ({
      ...addressOf(base, null),
      ...{ id: newId(), datasetId: id, userId, objectKey: key, state: 'completed' as const, sizeBytes },
      objectSha256: known(sha256),
    })),
  );
}

/** Bytes that the name decides, and that no compression helps. */
export function seededBytes(name: string, sizeBytes: number): Buffer {
  const block = createHash('sha512').update(name).digest();
  const bytes = Buffer.alloc(sizeBytes);
  for (let at = 0; at < sizeBytes; at += 4096) {
    if (at + 4 <= sizeBytes) bytes.writeUInt32LE(at / 4096, at);
    block.copy(bytes, at + 4);
  }
  return bytes;
}
