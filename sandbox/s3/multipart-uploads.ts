import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DataFiles, Segment } from '@/sandbox/data-files.ts';
import { readJson, writeJson } from '@/sandbox/json-file.ts';
import { compareKeys } from '@/sandbox/key-order.ts';
import type { MultipartUpload, UploadedPart } from './object-model.ts';

type StoredUpload = Omit<MultipartUpload, 'parts'>;

/** The unfinished multipart uploads of one bucket. */
export class MultipartUploads {
  readonly #dir: string;
  readonly #files: DataFiles;
  readonly #uploads = new Map<string, MultipartUpload>();

  constructor(dir: string, files: DataFiles) {
    this.#dir = dir;
    this.#files = files;
  }

  async reopen(): Promise<void> {
    for (const uploadId of await readdir(this.#dir)) {
      const names = await readdir(join(this.#dir, uploadId));
      const parts = names
        .filter((name) => name.startsWith('part-') && name.endsWith('.json'))
        .map((name) => readJson<UploadedPart>(join(this.#dir, uploadId, name)));
      const stored = readJson<StoredUpload>(join(this.#dir, uploadId, 'upload.json'));
      this.#uploads.set(uploadId, { ...stored, parts: new Map(parts.map((part) => [part.number, part])) });
    }
  }

  create(facts: Omit<MultipartUpload, 'parts' | 'uploadId'>): MultipartUpload {
    const stored: StoredUpload = { ...facts, uploadId: randomBytes(32).toString('base64url') };
    mkdirSync(join(this.#dir, stored.uploadId));
    writeJson(join(this.#dir, stored.uploadId, 'upload.json'), stored);
    const upload = { ...stored, parts: new Map<number, UploadedPart>() };
    this.#uploads.set(stored.uploadId, upload);
    return upload;
  }

  get(key: string, uploadId: string): MultipartUpload | undefined {
    const upload = this.#uploads.get(uploadId);
    return upload?.key === key ? upload : undefined;
  }

  /** By key, then by the time of initiation. */
  list(): MultipartUpload[] {
    return [...this.#uploads.values()].sort((a, b) => compareKeys(a.key, b.key) || a.initiated - b.initiated);
  }

  /** False when the upload has ended meanwhile; the part's bytes are then dropped. */
  async addPart(upload: MultipartUpload, part: UploadedPart): Promise<boolean> {
    if (!this.#uploads.has(upload.uploadId)) {
      await this.#files.remove([part.segment]);
      return false;
    }
    const replaced = upload.parts.get(part.number);
    upload.parts.set(part.number, part);
    writeJson(join(this.#dir, upload.uploadId, `part-${part.number}.json`), part);
    if (replaced !== undefined) await this.#files.remove([replaced.segment]);
    return true;
  }

  /** Forgets the upload; the bytes of the parts not in `keep` are removed. False when it was gone already. */
  async end(upload: MultipartUpload, keep: ReadonlySet<number> = new Set()): Promise<boolean> {
    if (!this.#uploads.delete(upload.uploadId)) return false;
    rmSync(join(this.#dir, upload.uploadId), { recursive: true, force: true });
    const dropped = [...upload.parts.values()].filter((part) => !keep.has(part.number));
    await this.#files.remove(dropped.map((part) => part.segment));
    return true;
  }

  segments(): Segment[] {
    return [...this.#uploads.values()].flatMap((upload) => [...upload.parts.values()].map((part) => part.segment));
  }
}
