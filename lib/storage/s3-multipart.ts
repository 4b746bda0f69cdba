import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
} from '@aws-sdk/client-s3';
import { realVersion } from '@/lib/storage/s3-headers.ts';
import { confirmStored, findOwnObject } from '@/lib/storage/s3-put.ts';
import { sendPieceTo } from '@/lib/storage/s3-send.ts';
import { checksumFields, conditionFields, objectFields, type S3Session, s3Call } from '@/lib/storage/s3-session.ts';
import {
  choosePartSize,
  isSameUpload,
  partCount,
  partRange,
  readS3State,
  type S3Part,
  type S3UploadState,
} from '@/lib/storage/s3-upload-state.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type { PutOptions, ReplayableBody, StoredObject } from '@/lib/storage/storage-service.ts';
import { JournalWriter, withRemains } from '@/lib/storage/upload-journal.ts';
import { pieceSha256 } from '@/lib/storage/upload-source.ts';

/**
 * A multipart upload that survives its process. What the store acknowledged is in the journal, part by part with its
 * SHA-256; going on, a part counts only when the store lists it with the journaled tag and the spool still has its bytes.
 * Without a journal, a failure gives the upload up.
 */
export class S3MultipartUpload {
  private readonly session: S3Session;
  private readonly key: string;
  private readonly body: ReplayableBody;
  private readonly options: PutOptions;
  private readonly journal: JournalWriter;

  constructor(session: S3Session, key: string, body: ReplayableBody, options: PutOptions) {
    this.session = session;
    this.key = key;
    this.body = body;
    this.options = options;
    this.journal = new JournalWriter(options.journal);
  }

  async run(): Promise<StoredObject> {
    const found = await this.findUnfinished();
    if (found === undefined) return this.upload(await this.create(), new Map());
    try {
      return await this.upload(found, await this.listParts(found));
    } catch (error) {
      if (!StorageError.is(error, 'upload_expired')) throw error;
      return (await this.finishedBefore()) ?? this.upload(await this.create(), new Map());
    }
  }

  private async upload(state: S3UploadState, listed: ReadonlyMap<number, string>): Promise<StoredObject> {
    try {
      await this.sendParts(state, listed);
      const stored = await confirmStored(this.session, this.key, this.body, this.options, await this.complete(state));
      await this.options.journal?.clear();
      return stored;
    } catch (error) {
      throw await this.leaveBehind(state, error);
    }
  }

  private async findUnfinished(): Promise<S3UploadState | undefined> {
    const state = readS3State(await this.options.journal?.load());
    if (state === undefined) return undefined;
    const { endpoint, bucket } = this.session.config;
    if (isSameUpload(state, { endpoint, bucket, key: this.key, body: this.body })) return state;
    await abortMultipart(this.session, state);
    return undefined;
  }

  private async create(): Promise<S3UploadState> {
    if (this.options.soleWriter) await abortUnfinished(this.session, this.key, this.options.signal);
    const { profile, config, client } = this.session;
    const command = new CreateMultipartUploadCommand({
      ...objectFields(this.session, this.key, this.options),
      ...(profile.checksumSha256 ? { ChecksumAlgorithm: 'SHA256' } : {}),
    });
    const created = await this.call(() => client.send(command, { abortSignal: this.options.signal }));
    const state: S3UploadState = {
      provider: 's3',
      kind: 'multipart',
      endpoint: config.endpoint ?? null,
      bucket: config.bucket,
      key: this.key,
      uploadId: created.UploadId ?? '',
      sizeBytes: this.body.sizeBytes,
      sha256: this.body.sha256 ?? null,
      partSizeBytes: choosePartSize(this.body.sizeBytes, config.partSizeBytes),
      parts: [],
    };
    try {
      await this.journal.save(state);
      return state;
    } catch (error) {
      // Not written down, it would be found by nobody.
      await abortMultipart(this.session, state);
      throw error;
    }
  }

  /** Several parts at a time. After a failure no part is begun; those on their way arrive and are journaled. */
  private async sendParts(state: S3UploadState, listed: ReadonlyMap<number, string>): Promise<void> {
    const acknowledged = new Map<number, S3Part>();
    const before = new Map(state.parts.map((part) => [part.number, part]));
    let next = 1;
    let failed = false;
    const worker = async () => {
      while (!failed && next <= partCount(state)) {
        const number = next++;
        acknowledged.set(number, await this.ensurePart(state, number, before.get(number), listed.get(number)));
        state.parts = [...acknowledged.values()];
        await this.journal.save({ ...state, parts: mergeParts(before, acknowledged) });
        this.options.onProgress?.(state.parts.reduce((sum, part) => sum + partBytes(state, part.number), 0));
      }
    };
    const workers = Array.from({ length: this.session.config.parallelParts ?? 4 }, () =>
      worker().catch((error) => {
        failed = true;
        throw error;
      }),
    );
    const outcomes = await Promise.allSettled(workers);
    const failure = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failure !== undefined) throw failure.reason;
  }

  private async ensurePart(
    state: S3UploadState,
    number: number,
    journaled: S3Part | undefined,
    listedTag: string | undefined,
  ): Promise<S3Part> {
    const there = journaled !== undefined && bareTag(journaled.etag) === listedTag;
    if (there && this.options.soleWriter) return journaled;
    const context = { provider: 's3', operation: 'put', key: this.key } as const;
    const range = partRange(state, number);
    if (there && journaled.sha256 === (await pieceSha256(this.body, range, context, this.options.signal)))
      return journaled;
    return this.sendPart(state, number);
  }

  private async sendPart(state: S3UploadState, number: number): Promise<S3Part> {
    const query = { partNumber: String(number), uploadId: state.uploadId };
    const piece = { body: this.body, range: partRange(state, number), options: this.options };
    const { headers, sha256 } = await sendPieceTo(this.session, { key: this.key, query }, piece);
    return { number, etag: headers.etag ?? '', sha256 };
  }

  /** Tags of the parts that the store has, without quotes. */
  private async listParts(state: S3UploadState): Promise<Map<number, string>> {
    const tags = new Map<number, string>();
    let marker: string | undefined;
    do {
      const command = new ListPartsCommand({
        Bucket: state.bucket,
        Key: state.key,
        UploadId: state.uploadId,
        PartNumberMarker: marker,
      });
      const page = await this.call(() => this.session.client.send(command, { abortSignal: this.options.signal }));
      for (const part of page.Parts ?? []) tags.set(part.PartNumber ?? 0, bareTag(part.ETag ?? ''));
      marker = page.IsTruncated ? page.NextPartNumberMarker : undefined;
    } while (marker !== undefined);
    return tags;
  }

  private async complete(state: S3UploadState): Promise<string | undefined> {
    const parts = state.parts.toSorted((a, b) => a.number - b.number);
    const command = new CompleteMultipartUploadCommand({
      Bucket: state.bucket,
      Key: state.key,
      UploadId: state.uploadId,
      ...conditionFields(this.session, this.options),
      MultipartUpload: {
        Parts: parts.map(({ number, etag, sha256 }) => ({
          PartNumber: number,
          ETag: etag,
          ...checksumFields(this.session, sha256),
        })),
      },
    });
    const completed = await this.call(() => this.session.client.send(command, { abortSignal: this.options.signal }));
    return realVersion(completed.VersionId);
  }

  /** The store knows no such upload: because it was completed and we never heard of it, or because it gave it up. */
  private async finishedBefore(): Promise<StoredObject | undefined> {
    const stored = await findOwnObject(this.session, this.key, this.body, this.options);
    await this.options.journal?.clear();
    if (stored !== undefined) this.options.onProgress?.(stored.sizeBytes);
    return stored;
  }

  /** With a journal the upload stays for the next attempt, unless the key is taken; otherwise it is given up. */
  private async leaveBehind(state: S3UploadState, error: unknown): Promise<unknown> {
    const taken = StorageError.is(error, 'already_exists');
    if (this.options.journal !== undefined && !taken) return error;
    try {
      await abortMultipart(this.session, state);
      await this.options.journal?.clear();
      return error;
    } catch (abortError) {
      return withRemains(error, abortError);
    }
  }

  private call<T>(work: () => Promise<T>): Promise<T> {
    return s3Call({ operation: 'put', key: this.key }, work);
  }
}

/** Frees what the store keeps of an unfinished upload. One that is gone is fine. */
export async function abortMultipart(
  session: S3Session,
  state: Pick<S3UploadState, 'bucket' | 'key' | 'uploadId'>,
): Promise<void> {
  const command = new AbortMultipartUploadCommand({ Bucket: state.bucket, Key: state.key, UploadId: state.uploadId });
  try {
    await s3Call({ operation: 'abort', key: state.key }, () => session.client.send(command));
  } catch (error) {
    if (!StorageError.is(error, 'upload_expired')) throw error;
  }
}

/**
 * Gives up every unfinished upload of a key. A store that cannot list them, or does not let us, keeps what it has: a
 * lifecycle rule of the bucket is the only other way to them.
 */
export async function abortUnfinished(session: S3Session, key: string, signal?: AbortSignal): Promise<void> {
  const { bucket } = session.config;
  const command = new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: key });
  try {
    const found = await s3Call({ operation: 'abort', key }, () =>
      session.client.send(command, { abortSignal: signal }),
    );
    for (const upload of found.Uploads ?? []) {
      if (upload.Key !== key || upload.UploadId === undefined) continue;
      await abortMultipart(session, { bucket, key, uploadId: upload.UploadId });
    }
  } catch (error) {
    if (!StorageError.is(error, 'forbidden') && !StorageError.is(error, 'invalid_request')) throw error;
  }
}

function mergeParts(before: ReadonlyMap<number, S3Part>, now: ReadonlyMap<number, S3Part>): S3Part[] {
  return [...new Map([...before, ...now]).values()];
}

function partBytes(state: S3UploadState, number: number): number {
  const { start, end } = partRange(state, number);
  return end - start;
}

/** Stores disagree on the quotes around tags. */
function bareTag(etag: string): string {
  return etag.replace(/^"|"$/g, '');
}
