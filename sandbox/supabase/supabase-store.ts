import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DataFiles, type Segment } from '@/sandbox/data-files.ts';
import { readJson, writeJson } from '@/sandbox/json-file.ts';
import { compareKeys, lowerBound } from '@/sandbox/key-order.ts';
import type { BucketRow, ObjectRow } from './object-rows.ts';

export type RowDraft = Omit<ObjectRow, 'id' | 'createdAt'>;

interface StoredBucket {
  row: BucketRow;
  objects: Map<string, ObjectRow>;
  /** In byte order; undefined when it must be made again. */
  sortedNames: string[] | undefined;
}

/** Bucket and object rows in memory and as one small JSON file each; data in immutable files beside them. */
export class SupabaseStore {
  readonly files: DataFiles;
  readonly #dir: string;
  readonly #buckets = new Map<string, StoredBucket>();

  constructor(dir: string) {
    this.#dir = join(dir, 'buckets');
    this.files = new DataFiles(join(dir, 'data'));
  }

  async open(): Promise<void> {
    await mkdir(this.#dir, { recursive: true });
    await this.files.open();
    for (const folder of await readdir(this.#dir)) await this.#reopen(join(this.#dir, folder));
  }

  async #reopen(dir: string): Promise<void> {
    if (!existsSync(join(dir, 'bucket.json'))) return;
    const names = (await readdir(join(dir, 'objects'))).filter((name) => name.endsWith('.json'));
    const rows = names.map((name) => readJson<ObjectRow>(join(dir, 'objects', name)));
    const row = readJson<BucketRow>(join(dir, 'bucket.json'));
    this.#buckets.set(row.id, { row, objects: new Map(rows.map((each) => [each.name, each])), sortedNames: undefined });
  }

  /** Removes data that neither a row nor `others` needs. */
  async sweep(others: readonly Segment[]): Promise<void> {
    const rows = [...this.#buckets.values()].flatMap((bucket) => [...bucket.objects.values()]);
    const segments = [...rows.flatMap((row) => row.segments), ...others];
    await this.files.sweep(new Set(segments.map((segment) => segment.file)));
  }

  bucket(id: string): BucketRow | undefined {
    return this.#buckets.get(id)?.row;
  }

  buckets(): BucketRow[] {
    return [...this.#buckets.values()].map((bucket) => bucket.row);
  }

  /** Creates or replaces the row; the objects stay. */
  saveBucket(row: BucketRow): void {
    const existing = this.#buckets.get(row.id);
    if (existing === undefined) mkdirSync(join(this.#bucketDir(row.id), 'objects'), { recursive: true });
    writeJson(join(this.#bucketDir(row.id), 'bucket.json'), row);
    this.#buckets.set(row.id, { row, objects: existing?.objects ?? new Map(), sortedNames: existing?.sortedNames });
  }

  deleteBucket(id: string): void {
    this.#buckets.delete(id);
    rmSync(this.#bucketDir(id), { recursive: true, force: true });
  }

  object(bucketId: string, name: string): ObjectRow | undefined {
    return this.#buckets.get(bucketId)?.objects.get(name);
  }

  /** Those whose names begin with the prefix, in byte order; none for a missing bucket. */
  objects(bucketId: string, prefix = ''): ObjectRow[] {
    const bucket = this.#buckets.get(bucketId);
    if (bucket === undefined) return [];
    bucket.sortedNames ??= [...bucket.objects.keys()].sort(compareKeys);
    const rows: ObjectRow[] = [];
    for (let i = lowerBound(bucket.sortedNames, prefix); i < bucket.sortedNames.length; i += 1) {
      const row = bucket.objects.get(bucket.sortedNames[i] ?? '');
      if (row?.name.startsWith(prefix) !== true) break;
      rows.push(row);
    }
    return rows;
  }

  /** Inserts, or replaces what has the same name: its id and date of creation stay. */
  async put(draft: RowDraft): Promise<ObjectRow> {
    const old = this.object(draft.bucketId, draft.name);
    const row = { ...draft, id: old?.id ?? randomUUID(), createdAt: old?.createdAt ?? draft.updatedAt };
    this.#change(draft.bucketId, (objects) => objects.set(draft.name, row));
    writeJson(this.#objectPath(row), row);
    if (old !== undefined) await this.files.remove(old.segments);
    return row;
  }

  /** `keepData` when the segments live on in another row. */
  async remove(row: ObjectRow, options: { keepData?: boolean } = {}): Promise<void> {
    this.#change(row.bucketId, (objects) => objects.delete(row.name));
    rmSync(this.#objectPath(row), { force: true });
    if (options.keepData !== true) await this.files.remove(row.segments);
  }

  #change(bucketId: string, change: (objects: Map<string, ObjectRow>) => void): void {
    const bucket = this.#buckets.get(bucketId);
    if (bucket === undefined) return;
    const before = bucket.objects.size;
    change(bucket.objects);
    if (bucket.objects.size !== before) bucket.sortedNames = undefined;
  }

  #bucketDir(id: string): string {
    return join(this.#dir, createHash('sha256').update(id).digest('hex').slice(0, 32));
  }

  #objectPath(row: { bucketId: string; name: string }): string {
    const name = createHash('sha256').update(row.name).digest('hex');
    return join(this.#bucketDir(row.bucketId), 'objects', `${name}.json`);
  }
}
