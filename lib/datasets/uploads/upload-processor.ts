import type { DatasetIntake } from '@/lib/datasets/dataset-intake.ts';
import type { LeaseKeeper } from '@/lib/datasets/lease-keeper.ts';
import { TaskSet } from '@/lib/datasets/task-set.ts';
import { problemOfFailure } from '@/lib/datasets/upload-problem.ts';
import type { UploadFiles } from '@/lib/datasets/uploads/upload-files.ts';
import type { Upload, UploadRepository } from '@/lib/datasets/uploads/upload-repository.ts';
import { LongshoreError } from '@/lib/errors.ts';
import type { FormatChoice } from '@/lib/ingest/types.ts';
import type { Logger } from '@/lib/observability/logger.ts';
import { isFenced } from '@/lib/placement/replica.ts';
import { linkAbort } from '@/lib/streams/abort.ts';

export interface UploadProcessorParts {
  uploads: UploadRepository;
  files: UploadFiles;
  intake: DatasetIntake;
  leases: LeaseKeeper;
  isDead(owner: string): Promise<boolean>;
  log: Logger;
  now: () => Date;
  /** Told when an upload has its result. */
  onSettled(upload: Upload): void;
}

/** What the file itself is to blame for, or what will not change by waiting: the upload has failed. */
const FINAL: ReadonlySet<string> = new Set([
  'dataset_invalid',
  'upload_too_large',
  'disk_full',
  'bucket_required',
  'description_too_long',
]);
const RETRY_MS = 15_000;
const KEEP_TRYING_MS = 24 * 60 * 60 * 1000;
const AT_ONCE = 4;

/**
 * Makes datasets of finished uploads, in the background and under a lease: a process that dies leaves the upload
 * `processing`, and the next one on this host begins again from its bytes.
 */
export class UploadProcessor {
  readonly #parts: UploadProcessorParts;
  readonly #tasks = new TaskSet(AT_ONCE);
  readonly #stopping = new AbortController();

  constructor(parts: UploadProcessorParts) {
    this.#parts = parts;
  }

  /** Begins with an upload that this process holds. */
  start(id: string): void {
    this.#tasks.start(id, () => this.#process(id));
  }

  /** Takes over what dead or stalled processes of this host left. */
  async sweep(): Promise<void> {
    const { uploads, leases } = this.#parts;
    for (const upload of await uploads.processingHere()) {
      if (upload.datasetId !== null || leases.holds(upload.id) || this.#tasks.has(upload.id)) continue;
      if (await uploads.takeOver(upload.id, await this.#deadOwner(upload))) this.start(upload.id);
    }
  }

  async settled(): Promise<void> {
    await this.#tasks.idle();
  }

  /** Breaks running ingests off: the next process begins them again. `settled` waits for their end. */
  stop(): void {
    this.#tasks.cancelWaiting();
    this.#stopping.abort();
  }

  async #deadOwner({ leaseOwner }: Upload): Promise<string | undefined> {
    return leaseOwner !== null && (await this.#parts.isDead(leaseOwner)) ? leaseOwner : undefined;
  }

  async #process(id: string): Promise<void> {
    const { uploads, files, leases, log } = this.#parts;
    const upload = await uploads.load(id);
    if (upload?.status !== 'processing' || upload.datasetId !== null) return;
    const lease = leases.hold(id);
    const abort = linkAbort(lease.signal, this.#stopping.signal);
    try {
      await this.#receive(upload, abort.signal);
    } catch (error) {
      await this.#failed(upload, error).catch((failure) => log.error({ err: failure }, 'an upload lost its failure'));
    } finally {
      abort.release();
      lease.release();
    }
    const settled = await uploads.load(id);
    if (settled === undefined || settled.status === 'processing') return;
    await files.remove(id);
    this.#parts.onSettled(settled);
  }

  async #receive(upload: Upload, signal: AbortSignal): Promise<void> {
    const { id, userId, sizeBytes, name, description, format, metadata } = upload;
    const { files, intake } = this.#parts;
    const fileName = typeof metadata?.filename === 'string' ? metadata.filename : (name ?? undefined);
    await intake.receive({
      userId,
      uploadId: id,
      body: await files.read(id),
      declaredBytes: sizeBytes ?? undefined,
      fileName,
      words: {
        name: name ?? undefined,
        description: description ?? undefined,
        format: (format as FormatChoice | null) ?? undefined,
      },
      signal,
    });
  }

  async #failed(upload: Upload, error: unknown): Promise<void> {
    const { uploads, log, now } = this.#parts;
    if (isFenced(error)) return;
    if (this.#stopping.signal.aborted) return uploads.letGo(upload.id, 0);
    const old = now().getTime() - upload.createdAt.getTime() > KEEP_TRYING_MS;
    if (old || isFinal(error)) return uploads.fail(upload.id, problemOfFailure(error));
    log.warn({ err: error, uploadId: upload.id }, 'an upload could not be processed yet');
    await uploads.letGo(upload.id, RETRY_MS);
  }
}

function isFinal(error: unknown): boolean {
  return error instanceof LongshoreError && FINAL.has(error.code);
}
