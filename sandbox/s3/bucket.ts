import { createHash, randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DataFiles } from '@/sandbox/data-files.ts';
import { readJson, writeJson } from '@/sandbox/json-file.ts';
import { compareKeys } from '@/sandbox/key-order.ts';
import { MultipartUploads } from './multipart-uploads.ts';
import type { BucketSettings, ObjectVersion } from './object-model.ts';

/** One bucket: settings, versions and unfinished uploads, in memory and as one small JSON file each. */
export class Bucket {
  readonly uploads: MultipartUploads;
  readonly settings: BucketSettings;
  readonly #dir: string;
  readonly #files: DataFiles;
  /** Newest first. */
  readonly #versions = new Map<string, ObjectVersion[]>();
  #sortedKeys: string[] | undefined;
  #lastSequence = 0;

  constructor(dir: string, settings: BucketSettings, files: DataFiles) {
    this.#dir = dir;
    this.settings = settings;
    this.#files = files;
    this.uploads = new MultipartUploads(join(dir, 'uploads'), files);
  }

  static async create(dir: string, settings: BucketSettings, files: DataFiles): Promise<Bucket> {
    await mkdir(join(dir, 'versions'), { recursive: true });
    await mkdir(join(dir, 'uploads'), { recursive: true });
    const bucket = new Bucket(dir, settings, files);
    bucket.saveSettings();
    return bucket;
  }

  static async reopen(dir: string, files: DataFiles): Promise<Bucket> {
    const bucket = new Bucket(dir, readJson<BucketSettings>(join(dir, 'bucket.json')), files);
    for (const name of await readdir(join(dir, 'versions'))) {
      if (name.endsWith('.json')) bucket.#admit(readJson<ObjectVersion>(join(dir, 'versions', name)));
    }
    for (const versions of bucket.#versions.values()) versions.sort((a, b) => b.sequence - a.sequence);
    await bucket.uploads.reopen();
    return bucket;
  }

  saveSettings(): void {
    writeJson(join(this.#dir, 'bucket.json'), this.settings);
  }

  async destroy(): Promise<void> {
    await rm(this.#dir, { recursive: true, force: true });
  }

  get keys(): readonly string[] {
    this.#sortedKeys ??= [...this.#versions.keys()].sort(compareKeys);
    return this.#sortedKeys;
  }

  /** Newest first; empty when the key was never there. */
  versionsOf(key: string): readonly ObjectVersion[] {
    return this.#versions.get(key) ?? [];
  }

  /** The visible object: undefined when absent or behind a delete marker. */
  current(key: string): ObjectVersion | undefined {
    const newest = this.#versions.get(key)?.[0];
    return newest?.isDeleteMarker === true ? undefined : newest;
  }

  version(key: string, versionId: string): ObjectVersion | undefined {
    return this.#versions.get(key)?.find((version) => version.versionId === versionId);
  }

  newVersionId(): string {
    return this.settings.versioning === 'Enabled' ? randomBytes(24).toString('base64url') : 'null';
  }

  /** `check` runs with the current object in the same instant in which the new one becomes visible. */
  async add(draft: VersionDraft, check: (current: ObjectVersion | undefined) => void): Promise<ObjectVersion> {
    check(this.current(draft.key));
    const replaced = draft.versionId === 'null' ? this.version(draft.key, 'null') : undefined;
    if (replaced !== undefined) this.#drop(replaced);
    const version: ObjectVersion = { ...draft, sequence: this.#lastSequence + 1 };
    this.#admit(version);
    writeJson(this.#pathOf(version), version);
    if (replaced !== undefined) await this.#files.remove(replaced.segments);
    return version;
  }

  async remove(version: ObjectVersion): Promise<void> {
    this.#drop(version);
    rmSync(this.#pathOf(version), { force: true });
    await this.#files.remove(version.segments);
  }

  saveTags(version: ObjectVersion, tags: Record<string, string>): void {
    version.tags = tags;
    writeJson(this.#pathOf(version), version);
  }

  dataFileNames(): string[] {
    const versions = [...this.#versions.values()].flat().flatMap((version) => version.segments);
    return [...versions, ...this.uploads.segments()].map((segment) => segment.file);
  }

  #admit(version: ObjectVersion): void {
    this.#lastSequence = Math.max(this.#lastSequence, version.sequence);
    const versions = this.#versions.get(version.key);
    if (versions !== undefined) versions.unshift(version);
    else {
      this.#versions.set(version.key, [version]);
      this.#sortedKeys = undefined;
    }
  }

  #drop(version: ObjectVersion): void {
    const left = this.versionsOf(version.key).filter((other) => other !== version);
    if (left.length > 0) this.#versions.set(version.key, left);
    else {
      this.#versions.delete(version.key);
      this.#sortedKeys = undefined;
    }
  }

  /** One name for a key and version: an unversioned overwrite replaces its file. */
  #pathOf(version: { key: string; versionId: string }): string {
    const name = createHash('sha256').update(`${version.key}\0${version.versionId}`).digest('hex');
    return join(this.#dir, 'versions', `${name}.json`);
  }
}

/** A version before its bucket has given it its place in the order. */
export type VersionDraft = Omit<ObjectVersion, 'sequence'>;
