import type { Readable } from 'node:stream';
import type { DiskBudget } from '@/lib/datasets/disk-budget.ts';
import { type UploadFiles, uploadNotFound } from '@/lib/datasets/uploads/upload-files.ts';
import type { UploadProcessor } from '@/lib/datasets/uploads/upload-processor.ts';
import type { NewUpload, Upload, UploadRepository } from '@/lib/datasets/uploads/upload-repository.ts';
import { LongshoreError } from '@/lib/errors.ts';

/** An upload and how many of its bytes are here. */
export interface UploadProgress {
  upload: Upload;
  offset: number;
}

export interface UploadServiceParts {
  uploads: UploadRepository;
  files: UploadFiles;
  processor: UploadProcessor;
  disk: DiskBudget;
  maxUploadBytes: number;
  /** An upload that received nothing for so long is given up. */
  expiryMs: number;
}

/** Uploads of one user that receive at a time. */
const MAX_OPEN_UPLOADS = 32;
const RESULT_DAYS = 30;

/** Resumable uploads: their bytes, and what became of them. Every call is bound to the user. */
export class UploadService {
  readonly #parts: UploadServiceParts;

  constructor(parts: UploadServiceParts) {
    this.#parts = parts;
  }

  get maxUploadBytes(): number {
    return this.#parts.maxUploadBytes;
  }

  get expiryMs(): number {
    return this.#parts.expiryMs;
  }

  /** @throws too_many_uploads, disk_full, busy */
  async create(upload: NewUpload): Promise<void> {
    const { uploads, files, disk } = this.#parts;
    if ((await uploads.countReceiving(upload.userId)) >= MAX_OPEN_UPLOADS) throw tooManyOpen();
    const room = await disk.reserve(upload.sizeBytes ?? undefined);
    if (room === undefined) throw noRoomNow();
    try {
      await uploads.insert(upload);
      await files.create(upload.id);
    } finally {
      room.release();
    }
  }

  /**
   * Where an upload is. One whose last byte arrived and whose answer was lost begins to be processed here.
   * @throws upload_not_found, upload_expired, upload_elsewhere
   */
  async progress(userId: string, id: string): Promise<UploadProgress> {
    const upload = await this.#here(userId, id);
    if (upload.status !== 'receiving') return { upload, offset: upload.sizeBytes ?? 0 };
    const offset = await this.#parts.files.size(id);
    if (offset === undefined) throw uploadNotFound();
    if (offset === upload.sizeBytes) await this.finish(userId, id);
    return { upload, offset };
  }

  /** Appends bytes and resolves with the new offset once they are durable. @throws as UploadFiles.append */
  async append(userId: string, id: string, offset: number, source: Readable): Promise<number> {
    const { uploads, files, maxUploadBytes } = this.#parts;
    const upload = await this.#here(userId, id);
    if (upload.status !== 'receiving') throw alreadyComplete();
    try {
      return await files.append(id, offset, source, (upload.sizeBytes ?? maxUploadBytes) - offset);
    } finally {
      await uploads.touch(id);
    }
  }

  async setSize(userId: string, id: string, sizeBytes: number): Promise<void> {
    await this.#here(userId, id);
    await this.#parts.uploads.setSize(id, sizeBytes);
  }

  /** All bytes are here: ingest begins in the background. May be called again. */
  async finish(userId: string, id: string): Promise<void> {
    const { uploads, processor } = this.#parts;
    await this.#here(userId, id);
    if (await uploads.beginProcessing(id)) processor.start(id);
  }

  /** Gives an unfinished upload up. @throws upload_complete when it is finished */
  async remove(userId: string, id: string): Promise<void> {
    const upload = await this.#here(userId, id);
    if (upload.status !== 'receiving') throw alreadyComplete();
    await this.#parts.uploads.remove(userId, id);
    await this.#parts.files.remove(id);
  }

  /** What became of an upload: durable, and the same on every host. @throws upload_not_found */
  async result(userId: string, id: string): Promise<Upload> {
    const upload = await this.#parts.uploads.find(userId, id);
    if (upload === undefined) throw uploadNotFound();
    return upload;
  }

  /** Goes on with what was left, gives up what is too old, and removes bytes that nobody needs. */
  async sweep(): Promise<void> {
    const { uploads, files, processor, expiryMs } = this.#parts;
    for (const upload of await uploads.receivingHere()) {
      const complete = upload.sizeBytes !== null && (await files.size(upload.id)) === upload.sizeBytes;
      if (complete && (await uploads.beginProcessing(upload.id))) processor.start(upload.id);
    }
    await processor.sweep();
    await uploads.expire(expiryMs);
    await uploads.forget(RESULT_DAYS);
    const ids = await files.ids();
    const needed = await uploads.needed(ids);
    for (const id of ids) if (!needed.has(id)) await files.remove(id);
  }

  async #here(userId: string, id: string): Promise<Upload> {
    const { uploads } = this.#parts;
    const upload = await uploads.find(userId, id);
    if (upload === undefined) throw uploadNotFound();
    if (upload.status === 'expired') throw expired();
    if (!uploads.isHere(upload)) throw elsewhere();
    return upload;
  }
}

function tooManyOpen(): LongshoreError {
  return new LongshoreError('too_many_uploads', `You have ${MAX_OPEN_UPLOADS} unfinished uploads already.`, {
    hint: 'Finish them or delete them; unfinished ones expire by themselves.',
    details: { retry_after_seconds: 60 },
  });
}

function noRoomNow(): LongshoreError {
  return new LongshoreError('busy', 'The disk space of this server is promised to uploads that are under way.', {
    hint: 'Send the same request again in a moment.',
    details: { retry_after_seconds: 30 },
  });
}

function alreadyComplete(): LongshoreError {
  return new LongshoreError('upload_complete', 'All bytes of this upload are here already.', {
    hint: 'Ask for its result: GET /api/training/uploads/{id}/result.',
  });
}

function expired(): LongshoreError {
  return new LongshoreError('upload_expired', 'This upload received nothing for too long and was given up.', {
    hint: 'Begin a new one.',
  });
}

function elsewhere(): LongshoreError {
  return new LongshoreError(
    'upload_elsewhere',
    'The bytes of this upload are on another server of this installation.',
    {
      hint: 'Lead all requests of one upload to the same server (a sticky route by path), or begin a new upload.',
    },
  );
}
