import { existsSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DataFiles } from '@/sandbox/data-files.ts';
import { compareKeys } from '@/sandbox/key-order.ts';
import { Bucket } from './bucket.ts';
import type { BucketSettings } from './object-model.ts';

/** All buckets under one directory. A directory that is opened again finds what it held. */
export class S3Store {
  readonly files: DataFiles;
  readonly #dir: string;
  readonly #buckets = new Map<string, Bucket>();

  constructor(dir: string) {
    this.#dir = dir;
    this.files = new DataFiles(join(dir, 'data'));
  }

  async open(): Promise<void> {
    await mkdir(join(this.#dir, 'buckets'), { recursive: true });
    await this.files.open();
    for (const name of await readdir(join(this.#dir, 'buckets'))) await this.#reopen(name);
    const named = [...this.#buckets.values()].flatMap((bucket) => bucket.dataFileNames());
    await this.files.sweep(new Set(named));
  }

  async #reopen(name: string): Promise<void> {
    const dir = join(this.#dir, 'buckets', name);
    if (existsSync(join(dir, 'bucket.json'))) this.#buckets.set(name, await Bucket.reopen(dir, this.files));
  }

  get(name: string): Bucket | undefined {
    return this.#buckets.get(name);
  }

  list(): Bucket[] {
    return [...this.#buckets.values()].sort((a, b) => compareKeys(a.settings.name, b.settings.name));
  }

  async create(settings: BucketSettings): Promise<Bucket> {
    const bucket = await Bucket.create(join(this.#dir, 'buckets', settings.name), settings, this.files);
    this.#buckets.set(settings.name, bucket);
    return bucket;
  }

  async delete(bucket: Bucket): Promise<void> {
    this.#buckets.delete(bucket.settings.name);
    await bucket.destroy();
  }
}
