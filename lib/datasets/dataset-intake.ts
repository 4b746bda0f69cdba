import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { Admission, Ticket } from '@/lib/datasets/admission.ts';
import type { DatasetJson } from '@/lib/datasets/dataset.ts';
import type { DatasetCreator } from '@/lib/datasets/dataset-creator.ts';
import { datasetDescription, datasetName } from '@/lib/datasets/dataset-name.ts';
import {
  type IdempotencyRepository,
  type IdempotencyRow,
  keyReused,
  leaseIdOf,
  requestSha256,
} from '@/lib/datasets/idempotency-repository.ts';
import { datasetInvalid, formatAfterFile } from '@/lib/datasets/intake-errors.ts';
import type { LeaseKeeper } from '@/lib/datasets/lease-keeper.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { checkSource, ingestToSpool } from '@/lib/ingest/ingest.ts';
import type { IngestPool } from '@/lib/ingest/pool/ingest-pool.ts';
import type { FormatChoice, IngestOptions, IngestReport, IngestResult } from '@/lib/ingest/types.ts';
import type { Placement } from '@/lib/placement/placement.ts';
import type { SpoolDirectory } from '@/lib/placement/spool/spool-directory.ts';

/** What a person says about a file. */
export interface FileWords {
  name?: string;
  description?: string;
  format?: FormatChoice;
}

/** A file as it arrives. */
export interface IncomingFile {
  userId: string;
  body: Readable;
  fileName: string | undefined;
  /** Of the body, as far as the client says. */
  declaredBytes: number | undefined;
  /** What is known before the first byte of the file. */
  words: FileWords & { onError?: 'fail' | 'skip'; maxErrorRatio?: number };
  /** The rest of it: form fields may come after the file. Asked for once the file has been read. */
  laterWords?: () => Promise<FileWords>;
  signal?: AbortSignal;
}

export interface IntakeRequest extends IncomingFile {
  idempotencyKey?: string;
  /** The TUS upload whose bytes these are: accepted before, so it may wait for its turn. */
  uploadId?: string;
}

export interface IntakeAnswer {
  dataset: DatasetJson;
  /** True when this is the answer of an earlier request with the same key. */
  replayed: boolean;
}

export interface IntakeLimits {
  maxUploadBytes: number;
  maxRecordBytes: number;
  gzipLevel: number;
}

export interface DatasetIntakeParts {
  admission: Admission;
  pool: IngestPool;
  placement: Placement;
  directory: SpoolDirectory;
  creator: DatasetCreator;
  idempotency: IdempotencyRepository;
  keyLeases: LeaseKeeper;
  limits: IntakeLimits;
  notify(userId: string, event: { topic: 'dataset'; type: string; subject: string }): void;
}

/** Takes a file from its first byte to a ready dataset, or to a refusal that leaves nothing. */
export class DatasetIntake {
  readonly #parts: DatasetIntakeParts;

  constructor(parts: DatasetIntakeParts) {
    this.#parts = parts;
  }

  /**
   * @throws dataset_invalid with every finding, upload_too_large, upload_aborted, disk_full, format_after_file,
   * bucket_required, too_many_uploads, busy, idempotency_in_progress, idempotency_key_reused
   */
  async receive(request: IntakeRequest): Promise<IntakeAnswer> {
    await this.#parts.placement.wanted(request.userId);
    const { idempotencyKey: key, userId } = request;
    if (key === undefined) return { dataset: await this.#create(request), replayed: false };
    const earlier = await this.#parts.idempotency.take(userId, key);
    if (earlier !== undefined) return this.#replay(request, earlier);
    const lease = this.#parts.keyLeases.hold(leaseIdOf(userId, key));
    try {
      return { dataset: await this.#create(request), replayed: false };
    } catch (error) {
      await this.#parts.idempotency.release(userId, key);
      throw error;
    } finally {
      lease.release();
    }
  }

  /** Judges a file and stores nothing. The report says whether it would be accepted. */
  async check(file: IncomingFile): Promise<IngestReport> {
    const ticket = await this.#parts.admission.enter({ ...file, declaredBytes: 0 });
    try {
      const options = { ...this.#options(file), temporaryDirectory: this.#parts.directory.workFolder };
      const { report } = await checkSource(file.body, options, this.#parts.pool);
      await this.#wordsOf(file, report.options.format);
      return report;
    } finally {
      ticket.release();
    }
  }

  async #create(request: IntakeRequest): Promise<DatasetJson> {
    const ticket = await this.#enter(request);
    try {
      const { report, spooled } = await this.#ingest(request);
      if (spooled === undefined) throw datasetInvalid(report);
      const words = await this.#orDrop(spooled.path, () => this.#wordsOf(request, report.options.format));
      ticket.release();
      const idempotency = this.#idempotencyOf(request, report, words);
      const { userId, uploadId = null } = request;
      const dataset = await this.#parts.creator.create({ ...words, userId, report, spooled, idempotency, uploadId });
      this.#parts.notify(userId, { topic: 'dataset', type: 'created', subject: dataset.id });
      return dataset;
    } finally {
      ticket.release();
    }
  }

  async #enter({ userId, declaredBytes, signal, uploadId }: IntakeRequest): Promise<Ticket> {
    const { maxUploadBytes } = this.#parts.limits;
    if (declaredBytes !== undefined && declaredBytes > maxUploadBytes) throw uploadTooLarge(maxUploadBytes);
    return this.#parts.admission.enter({ userId, declaredBytes, signal, accepted: uploadId !== undefined });
  }

  #ingest(request: IntakeRequest): Promise<IngestResult> {
    const { directory, pool } = this.#parts;
    return ingestToSpool(request.body, { directory: directory.workFolder }, this.#options(request), pool);
  }

  #options({ fileName, words, signal }: IncomingFile): IngestOptions {
    const { format, onError, maxErrorRatio } = words;
    return { ...this.#parts.limits, fileName, format: format ?? 'auto', onError, maxErrorRatio, signal };
  }

  async #wordsOf(file: IncomingFile, usedFormat: FormatChoice): Promise<{ name: string; description: string | null }> {
    const words = { ...file.words, ...(await file.laterWords?.()) };
    if (words.format !== undefined && words.format !== usedFormat) throw formatAfterFile();
    return { name: datasetName(words.name, file.fileName), description: datasetDescription(words.description) };
  }

  async #orDrop<T>(path: string, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      const { directory } = this.#parts;
      await directory.remove(directory.fileNameOf(path));
      throw error;
    }
  }

  #idempotencyOf(
    { idempotencyKey: key }: IntakeRequest,
    report: IngestReport,
    words: { name: string; description: string | null },
  ): { key: string; requestSha256: string } | null {
    if (key === undefined) return null;
    const identity = { ...words, sourceSha256: report.source.sha256 ?? '', format: report.options.format };
    return { key, requestSha256: requestSha256(identity) };
  }

  /** The answer of the earlier request, once the body has shown that this is the same one. */
  async #replay(request: IntakeRequest, earlier: IdempotencyRow): Promise<IntakeAnswer> {
    const sourceSha256 = await this.#hashBody(request);
    const format = request.words.format ?? 'auto';
    const words = await this.#wordsOf(request, format);
    if (requestSha256({ ...words, sourceSha256, format }) !== earlier.requestSha256) throw keyReused();
    const { dataset } = earlier.response as unknown as { dataset: DatasetJson };
    return { dataset, replayed: true };
  }

  async #hashBody({ body }: IntakeRequest): Promise<string> {
    const { maxUploadBytes } = this.#parts.limits;
    const hash = createHash('sha256');
    let size = 0;
    for await (const chunk of body) {
      size += chunk.length;
      if (size > maxUploadBytes) throw uploadTooLarge(maxUploadBytes);
      hash.update(chunk);
    }
    return hash.digest('hex');
  }
}

function uploadTooLarge(limit: number): LongshoreError {
  return new LongshoreError('upload_too_large', `The file is larger than ${limit} bytes.`, {
    hint: 'Split it, compress it, or ask the operator to raise MAX_UPLOAD_BYTES.',
    details: { limit_bytes: limit },
  });
}
