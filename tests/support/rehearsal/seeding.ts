import { type OldDataset, oldPath } from '@/tests/support/old-application.ts';
import { type CastDataset, objectOf, sha256, storedObject } from '@/tests/support/rehearsal/cast.ts';
import type { Stage } from '@/tests/support/rehearsal/stage.ts';

/** What must hold at the end. */
export interface Ledger {
  /** Of the old application and of Longshore: object hash by dataset, null where only Longshore knows it. */
  living: Map<string, { userId: string; sha256: string | null }>;
  deleted: Set<string>;
  /** Asked to go, and no answer came: either is right. */
  perhapsDeleted: Set<string>;
  /** Rows that stay with the old application, with the bytes their path gave before: null for none. */
  untouched: Map<string, string | null>;
  /** Objects in the project's bucket that no dataset of ours explains. */
  foreignKeys: Set<string>;
}

export function emptyLedger(): Ledger {
  const [deleted, perhapsDeleted, foreignKeys] = [new Set<string>(), new Set<string>(), new Set<string>()];
  return { living: new Map(), deleted, perhapsDeleted, untouched: new Map(), foreignKeys };
}

const AT_ONCE = 4;

/** Fills the project as the old application did over the years. */
export async function seed(stage: Stage, cast: readonly CastDataset[], ledger: Ledger): Promise<number> {
  let bytes = 0;
  for (let at = 0; at < cast.length; at += AT_ONCE) {
    const sizes = await Promise.all(cast.slice(at, at + AT_ONCE).map((dataset) => seedOne(stage, dataset, ledger)));
    bytes += sizes.reduce((sum, size) => sum + size, 0);
  }
  await stage.old.store('left/behind/by-nobody.jsonl.gz', objectOf('nobody', 2000));
  ledger.foreignKeys.add('left/behind/by-nobody.jsonl.gz');
  return bytes;
}

async function seedOne(stage: Stage, dataset: CastDataset, ledger: Ledger): Promise<number> {
  const { id, userId, anomaly } = dataset;
  const object = storedObject(dataset);
  const row = rowOf(dataset, object);
  const path = row.storagePath ?? oldPath(dataset);
  if (object !== undefined && anomaly !== 'unsafe_path') await stage.old.store(path, object);
  await seedS3(stage, dataset, object);
  await stage.old.insert(row);
  if (anomaly === 'duplicate_path') await stage.old.insert({ ...row, id: twinOf(id), storagePath: path });
  const hash = object === undefined ? null : sha256(object);
  if (anomaly === 'object_missing') ledger.untouched.set(id, null);
  else if (anomaly === 'unsafe_path') ledger.untouched.set(id, null);
  else if (anomaly === 'duplicate_path' || anomaly === 'foreign_path') {
    ledger.untouched.set(id, hash);
    if (anomaly === 'duplicate_path') ledger.untouched.set(twinOf(id), hash);
    ledger.foreignKeys.add(path);
  } else ledger.living.set(id, { userId, sha256: hash });
  return object?.byteLength ?? 0;
}

function rowOf({ id, userId, anomaly }: CastDataset, object: Buffer | undefined): OldDataset {
  const sizeBytes = anomaly === 'size_differs' ? 12 : (object?.byteLength ?? 5000);
  const row = { id, userId, sizeBytes };
  if (anomaly === 'foreign_path') return { ...row, storagePath: `somebody-else/private/${id}.jsonl.gz` };
  if (anomaly === 'unsafe_path') return { ...row, storagePath: `${userId}/../${id}.jsonl.gz` };
  if (anomaly === 's3_null') return { ...row, metadata: { s3_storage_path: null } };
  if (anomaly.startsWith('s3_'))
    return { ...row, metadata: { s3_storage_path: s3Path(id, userId), storage_provider: 'dual' } };
  return row;
}

async function seedS3(stage: Stage, { id, userId, anomaly }: CastDataset, object: Buffer | undefined): Promise<void> {
  if (object === undefined || (anomaly !== 's3_good' && anomaly !== 's3_other')) return;
  const bytes = anomaly === 's3_good' ? object : objectOf('something else', 3000);
  await stage.putS3(s3Path(id, userId), bytes);
}

function s3Path(id: string, userId: string): string {
  return `${userId}/datasets/${id}.jsonl.gz`;
}

export function twinOf(id: string): string {
  return `ffffffff${id.slice(8)}`;
}
