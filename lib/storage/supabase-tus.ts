import { z } from 'zod';
import type { SmallReply } from '@/lib/storage/http-client.ts';
import { StorageError, type StorageErrorContext } from '@/lib/storage/storage-error.ts';
import type { PutOptions, ReplayableBody, StoredObject, UploadState } from '@/lib/storage/storage-service.ts';
import type { SupabaseApi } from '@/lib/storage/supabase-api.ts';
import { TUS_CHUNK_BYTES } from '@/lib/storage/supabase-config.ts';
import { faultOf, isSuccess } from '@/lib/storage/supabase-errors.ts';
import { confirmObject, findOwnObject } from '@/lib/storage/supabase-info.ts';
import { contentTypeOf, metadataJson, upsertOf } from '@/lib/storage/supabase-standard-upload.ts';
import { withRemains } from '@/lib/storage/upload-journal.ts';
import { sendPiece } from '@/lib/storage/upload-source.ts';

const STATE = z.object({
  provider: z.literal('supabase'),
  kind: z.literal('tus'),
  url: z.string(),
  bucket: z.string(),
  key: z.string(),
  uploadId: z.string().min(1),
  sizeBytes: z.number().int().positive(),
  sha256: z.string().nullable(),
  createdAt: z.iso.datetime(),
});

type TusState = z.infer<typeof STATE>;

/** Conflicts in a row without one more byte: somebody else writes to the same upload. */
const MAX_CONFLICTS = 5;

/**
 * A resumable upload, one short PATCH after another. The server's offset is the only truth: it is asked for after every
 * conflict and on every resume, and may lie before or behind what was sent. An upload that the server has forgotten
 * starts over knowingly; any other trouble with it never does.
 */
export class SupabaseTusUpload {
  private readonly api: SupabaseApi;
  private readonly key: string;
  private readonly body: ReplayableBody;
  private readonly options: PutOptions;
  private readonly now: () => Date;

  constructor(api: SupabaseApi, key: string, body: ReplayableBody, options: PutOptions, now: () => Date) {
    this.api = api;
    this.key = key;
    this.body = body;
    this.options = options;
    this.now = now;
  }

  async run(): Promise<StoredObject> {
    const found = await this.findUnfinished();
    if (found === undefined) return this.upload(await this.create(), 0);
    const offset = await this.offsetOf(found);
    if (offset !== undefined) return this.upload(found, offset);
    return (await this.finishedBefore()) ?? this.upload(await this.create(), 0);
  }

  private async upload(state: TusState, offset: number): Promise<StoredObject> {
    try {
      await this.sendFrom(state, offset);
      const stored = await confirmObject(this.api, this.key, this.body, this.options);
      await this.options.journal?.clear();
      return stored;
    } catch (error) {
      throw await this.leaveBehind(state, error);
    }
  }

  private async findUnfinished(): Promise<TusState | undefined> {
    const state = readTusState(await this.options.journal?.load());
    if (state === undefined) return undefined;
    const { url, bucket } = this.api.config;
    const sameAddress = state.url === url && state.bucket === bucket && state.key === this.key;
    const sameBytes = state.sizeBytes === this.body.sizeBytes && state.sha256 === (this.body.sha256 ?? null);
    if (sameAddress && sameBytes) return state;
    if (sameAddress) await terminateUpload(this.api, state);
    return undefined;
  }

  private async create(): Promise<TusState> {
    const { url, bucket } = this.api.config;
    const reply = await this.send({
      method: 'POST',
      path: '/upload/resumable',
      headers: {
        'upload-length': String(this.body.sizeBytes),
        'upload-metadata': this.uploadMetadata(),
        'x-upsert': upsertOf(this.options),
      },
    });
    if (reply.status !== 201) throw await this.createError(reply);
    const state: TusState = {
      provider: 'supabase',
      kind: 'tus',
      url,
      bucket,
      key: this.key,
      uploadId: uploadIdOf(reply, this.context()),
      sizeBytes: this.body.sizeBytes,
      sha256: this.body.sha256 ?? null,
      createdAt: this.now().toISOString(),
    };
    await this.options.journal?.save(state);
    return state;
  }

  /** The endpoint's own 404 here is a missing bucket, in plain text. */
  private async createError(reply: SmallReply): Promise<StorageError> {
    const fault = reply.status === 404 ? await this.bucketFault() : undefined;
    return fault ?? this.api.explain(reply, this.context(), this.options.signal);
  }

  private async sendFrom(state: TusState, start: number): Promise<void> {
    let offset = start;
    let conflicts = 0;
    while (offset < state.sizeBytes) {
      this.options.onProgress?.(offset);
      const reached = await this.sendChunk(state, offset);
      conflicts = reached === undefined ? conflicts + 1 : 0;
      if (conflicts > MAX_CONFLICTS) throw this.fault('unavailable', 'the upload is being written by somebody else');
      offset = reached ?? (await this.offsetAfterConflict(state));
    }
    this.options.onProgress?.(offset);
  }

  /** The offset that the server reached, which may be less than was sent; undefined when it is elsewhere already. */
  private async sendChunk(state: TusState, offset: number): Promise<number | undefined> {
    const end = Math.min(offset + TUS_CHUNK_BYTES, state.sizeBytes);
    const source = this.body.open({ start: offset, end });
    const reply = await sendPiece(source, this.context(), this.options.signal, (signal) =>
      this.send({
        method: 'PATCH',
        path: pathOf(state),
        headers: { 'upload-offset': String(offset), 'content-type': 'application/offset+octet-stream' },
        body: { stream: source, sizeBytes: end - offset },
        signal,
      }),
    );
    if (isSuccess(reply)) return readOffset(reply, state, this.context());
    if (isOffsetConflict(reply)) return undefined;
    throw await this.patchError(reply);
  }

  private async offsetAfterConflict(state: TusState): Promise<number> {
    const offset = await this.offsetOf(state);
    if (offset === undefined) throw this.fault('upload_expired', 'the store has forgotten the upload');
    return offset;
  }

  /** Undefined when the server has forgotten the upload, and only then. */
  private async offsetOf(state: TusState): Promise<number | undefined> {
    const reply = await this.send({ method: 'HEAD', path: pathOf(state) });
    if (isGone(reply)) return undefined;
    // HEAD has no body, so nothing can be told apart but by asking the bucket.
    if (!isSuccess(reply)) throw (await this.bucketFault()) ?? this.headError(reply);
    if (Number(reply.headers['upload-length']) === state.sizeBytes) return readOffset(reply, state, this.context());
    await terminateUpload(this.api, state);
    return undefined;
  }

  private headError(reply: SmallReply): StorageError {
    return this.fault('unavailable', `no offset, status ${reply.status}`);
  }

  private bucketFault(): Promise<StorageError | undefined> {
    return this.api.bucketFault(this.context(), this.options.signal);
  }

  private async patchError(reply: SmallReply): Promise<StorageError> {
    if (isGone(reply)) return this.fault('upload_expired', 'the store has forgotten the upload');
    return this.api.explain(reply, this.context(), this.options.signal);
  }

  /** Forgotten because it was finished and we never heard of it, or because its time was over. */
  private async finishedBefore(): Promise<StoredObject | undefined> {
    const stored = await findOwnObject(this.api, this.key, this.body, this.options);
    await this.options.journal?.clear();
    if (stored !== undefined) this.options.onProgress?.(stored.sizeBytes);
    return stored;
  }

  /**
   * With a journal the upload stays for the next attempt, unless going on is pointless: the key is taken, the store lost
   * it, or it took every byte and made no object of them.
   */
  private async leaveBehind(state: TusState, error: unknown): Promise<unknown> {
    const pointless = StorageError.is(error) && ['already_exists', 'corrupt', 'upload_expired'].includes(error.code);
    if (this.options.journal !== undefined && !pointless) return error;
    try {
      await terminateUpload(this.api, state);
      await this.options.journal?.clear();
      return error;
    } catch (abortError) {
      return withRemains(error, abortError);
    }
  }

  private uploadMetadata(): string {
    const fields = {
      bucketName: this.api.config.bucket,
      objectName: this.key,
      contentType: contentTypeOf(this.options),
      cacheControl: '0',
      metadata: metadataJson(this.options),
    };
    return Object.entries(fields)
      .map(([name, value]) => `${name} ${Buffer.from(value).toString('base64')}`)
      .join(',');
  }

  private send(call: Parameters<SupabaseApi['resumable']>[0]): Promise<SmallReply> {
    return this.api.resumable({ signal: this.options.signal, ...call }, this.context());
  }

  private fault(code: 'unavailable' | 'upload_expired', detail: string): StorageError {
    return new StorageError(code, { ...this.context(), detail });
  }

  private context(): StorageErrorContext {
    return { provider: 'supabase', operation: 'put', key: this.key };
  }
}

/** The state that a journal holds, when it is one of ours. */
export function readTusState(state: UploadState | undefined): TusState | undefined {
  return STATE.safeParse(state).data;
}

/** Frees what the store keeps of an unfinished upload. One that is gone is fine. */
export async function terminateUpload(api: SupabaseApi, state: TusState): Promise<void> {
  const context = { provider: 'supabase', operation: 'abort', key: state.key } as const;
  const reply = await api.resumable({ method: 'DELETE', path: pathOf(state) }, context);
  if (isSuccess(reply) || isGone(reply) || (await isFinished(api, state, context))) return;
  throw await api.explain(reply, context);
}

/** A finished upload cannot be given up, and there is nothing left of it to free. */
async function isFinished(api: SupabaseApi, state: TusState, context: StorageErrorContext): Promise<boolean> {
  const reply = await api.resumable({ method: 'HEAD', path: pathOf(state) }, context);
  return isGone(reply) || Number(reply.headers['upload-offset'] ?? Number.NaN) === state.sizeBytes;
}

/** Uploads are addressed on our own base: what proxies make of scheme, host and prefix in `Location` is not followed. */
function pathOf(state: TusState): string {
  return `/upload/resumable/${encodeURIComponent(state.uploadId)}`;
}

function uploadIdOf(reply: SmallReply, context: StorageErrorContext): string {
  const location = reply.headers.location ?? '';
  const id = new URL(location, 'http://localhost').pathname.split('/').at(-1) ?? '';
  if (id !== '') return decodeURIComponent(id);
  throw new StorageError('corrupt', { ...context, detail: 'the store made an upload without an address' });
}

function readOffset(reply: SmallReply, state: TusState, context: StorageErrorContext): number {
  const offset = Number(reply.headers['upload-offset'] ?? Number.NaN);
  if (Number.isSafeInteger(offset) && offset >= 0 && offset <= state.sizeBytes) return offset;
  throw new StorageError('corrupt', { ...context, detail: 'the store told no usable offset' });
}

/** 404 and 410 of the resumable endpoint are its own words for an upload that is unknown or expired. */
function isGone(reply: SmallReply): boolean {
  return reply.status === 404 || reply.status === 410;
}

/** Two different things are a 409 here: a wrong offset, and a key that is taken. Only the text tells. */
function isOffsetConflict(reply: SmallReply): boolean {
  return reply.status === 409 && faultOf(reply).text.includes('Upload-Offset conflict');
}
