import { createHash } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { DataStore, ERRORS, Upload } from '@tus/server';
import type { DataFiles, Segment } from '@/sandbox/data-files.ts';
import { readJson, writeJson } from '@/sandbox/json-file.ts';

interface StoredUpload {
  id: string;
  sizeBytes: number | undefined;
  metadata: Record<string, string | null>;
  createdAt: string;
  /** One for each piece that arrived, whole or cut off. Kept after completion: HEAD still answers then. */
  segments: Segment[];
  isComplete: boolean;
}

/** Unfinished and finished TUS uploads. Each write becomes a data file of its own, which the object later takes over. */
export class TusStore extends DataStore {
  readonly #dir: string;
  readonly #files: DataFiles;
  readonly #expiryMs: number;
  readonly #uploads = new Map<string, StoredUpload>();

  constructor(dir: string, files: DataFiles, expiryMs: number) {
    super();
    this.extensions = ['creation', 'creation-with-upload', 'creation-defer-length', 'termination', 'expiration'];
    this.#dir = dir;
    this.#files = files;
    this.#expiryMs = expiryMs;
  }

  async open(): Promise<void> {
    mkdirSync(this.#dir, { recursive: true });
    const names = (await readdir(this.#dir)).filter((name) => name.endsWith('.json'));
    for (const stored of names.map((name) => readJson<StoredUpload>(join(this.#dir, name)))) {
      this.#uploads.set(stored.id, stored);
    }
  }

  override async create(upload: Upload): Promise<Upload> {
    this.#save({
      id: upload.id,
      sizeBytes: upload.size,
      metadata: upload.metadata ?? {},
      createdAt: new Date().toISOString(),
      segments: [],
      isComplete: false,
    });
    return upload;
  }

  /** What arrives before the connection breaks is kept, so offsets need not be multiples of anything. */
  override async write(stream: Readable, id: string, offset: number): Promise<number> {
    const stored = this.#get(id);
    const segment = await this.#files.write(stream);
    if (segment.sizeBytes > 0) this.#save({ ...stored, segments: [...stored.segments, segment] });
    return offset + segment.sizeBytes;
  }

  override async getUpload(id: string): Promise<Upload> {
    const { sizeBytes: size, metadata, createdAt } = this.#get(id);
    return new Upload({ id, size, offset: this.#offset(id), metadata, creation_date: createdAt });
  }

  override async declareUploadLength(id: string, size: number): Promise<void> {
    this.#save({ ...this.#get(id), sizeBytes: size });
  }

  override async remove(id: string): Promise<void> {
    const stored = this.#get(id);
    this.#uploads.delete(id);
    rmSync(this.#path(id), { force: true });
    if (!stored.isComplete) await this.#files.remove(stored.segments);
  }

  override async deleteExpired(): Promise<number> {
    const limit = Date.now() - this.#expiryMs;
    const expired = [...this.#uploads.values()].filter((upload) => Date.parse(upload.createdAt) < limit);
    for (const { id } of expired) await this.remove(id);
    return expired.length;
  }

  override getExpiration(): number {
    return this.#expiryMs;
  }

  /** Hands the data over to the object row. */
  takeSegments(id: string): Segment[] {
    const stored = this.#get(id);
    this.#save({ ...stored, isComplete: true });
    return stored.segments;
  }

  /** Makes every upload as old as its limit, so that its URL answers 410. */
  expireAll(): void {
    const createdAt = new Date(Date.now() - this.#expiryMs - 1000).toISOString();
    for (const stored of this.#uploads.values()) this.#save({ ...stored, createdAt });
  }

  unfinished(): { id: string; offset: number; sizeBytes: number | undefined }[] {
    const open = [...this.#uploads.values()].filter((upload) => !upload.isComplete);
    return open.map(({ id, sizeBytes }) => ({ id, sizeBytes, offset: this.#offset(id) }));
  }

  segments(): Segment[] {
    return [...this.#uploads.values()].filter((upload) => !upload.isComplete).flatMap((upload) => upload.segments);
  }

  #offset(id: string): number {
    return this.#get(id).segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
  }

  #get(id: string): StoredUpload {
    const stored = this.#uploads.get(id);
    if (stored === undefined) throw ERRORS.FILE_NOT_FOUND;
    return stored;
  }

  #save(stored: StoredUpload): void {
    this.#uploads.set(stored.id, stored);
    writeJson(this.#path(stored.id), stored);
  }

  #path(id: string): string {
    return join(this.#dir, `${createHash('sha256').update(id).digest('hex')}.json`);
  }
}
