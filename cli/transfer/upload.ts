import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { DetailedError, Upload, type UploadOptions } from 'tus-js-client';
import { LongshoreError, messageOf } from '@/lib/errors.ts';
import type { Dataset, Problem } from '@/lib/http/api-types.ts';
import { type ApiClient, ApiError } from '../api-client.ts';
import { UploadMemory } from './upload-memory.ts';

/** Smaller files go in one request; larger ones in a resumable upload. */
const RESUMABLE_FROM_BYTES = 16 * 1024 * 1024;
const CHUNK_BYTES = 8 * 1024 * 1024;
const RETRY_DELAYS_MS = [0, 500, 1000, 3000, 5000, 10_000];

export interface UploadRequest {
  path: string;
  name?: string;
  description?: string;
  format?: string;
  onProgress(bytes: number): void;
  /** All bytes are there; the server is checking them. */
  onProcessing(): void;
  signal: AbortSignal;
}

interface UploadResult {
  status: 'receiving' | 'processing' | 'ready' | 'failed' | 'expired';
  dataset_id?: string;
  problem?: Problem;
}

/** Uploads one file and answers the dataset it became. An interrupted large upload is continued by the same command. */
export async function uploadFile(client: ApiClient, request: UploadRequest): Promise<Dataset> {
  const { size } = await stat(request.path);
  return size < RESUMABLE_FROM_BYTES ? uploadAtOnce(client, request) : uploadResumable(client, request);
}

async function uploadAtOnce(client: ApiClient, request: UploadRequest): Promise<Dataset> {
  let sent = 0;
  const counted = createReadStream(request.path).on('data', (chunk) => {
    sent += chunk.length;
    request.onProgress(sent);
  });
  counted.once('end', request.onProcessing);
  const { dataset } = await client.json<{ dataset: Dataset }>('/api/training/dataset', {
    method: 'POST',
    query: {
      name: request.name ?? basename(request.path),
      filename: basename(request.path),
      description: request.description,
      format: request.format,
    },
    headers: { 'content-type': 'application/octet-stream' },
    body: Readable.toWeb(counted) as ReadableStream<Uint8Array>,
    signal: request.signal,
  });
  return dataset;
}

async function uploadResumable(client: ApiClient, request: UploadRequest): Promise<Dataset> {
  const uploadUrl = await sendByTus(client, request);
  request.onProcessing();
  const id = uploadUrl.slice(uploadUrl.lastIndexOf('/') + 1);
  const result = await waitForResult(client, id, request.signal);
  if (result.status === 'ready' && result.dataset_id !== undefined) {
    return (await client.json<{ dataset: Dataset }>(`/api/training/dataset/${result.dataset_id}`)).dataset;
  }
  throw new ApiError(result.problem ?? expired);
}

const expired: Problem = {
  code: 'upload_expired',
  status: 410,
  detail: 'The server no longer knows this upload.',
  hint: 'Run the command again: it starts from the first byte.',
};

async function sendByTus(client: ApiClient, request: UploadRequest): Promise<string> {
  const fingerprint = await fingerprintOf(client, request);
  return new Promise((done, fail) => {
    const metadata = { name: request.name ?? basename(request.path), filename: basename(request.path) };
    const options: UploadOptions = {
      endpoint: client.url('/api/training/uploads'),
      headers: client.authorization,
      chunkSize: CHUNK_BYTES,
      retryDelays: RETRY_DELAYS_MS,
      metadata: { ...metadata, ...optional('description', request.description), ...optional('format', request.format) },
      urlStorage: new UploadMemory(join(homedir(), '.longshore', 'uploads.json')),
      fingerprint: async () => fingerprint,
      removeFingerprintOnSuccess: true,
      onProgress: (sent) => request.onProgress(sent),
      onSuccess: () => done(upload.url ?? ''),
      onError: (error) => fail(uploadError(error)),
    };
    const upload = new Upload(createReadStream(request.path) as unknown as Blob, options);
    request.signal.addEventListener('abort', () => void upload.abort().then(() => fail(interrupted()), fail), {
      once: true,
    });
    upload.findPreviousUploads().then((previous) => {
      if (previous[0] !== undefined) upload.resumeFromPreviousUpload(previous[0]);
      upload.start();
    }, fail);
  });
}

/** The same file (path, size, time of change) to the same server with the same wishes is the same upload. */
async function fingerprintOf(client: ApiClient, request: UploadRequest): Promise<string> {
  const { size, mtimeMs } = await stat(request.path);
  const facts = [
    client.baseUrl,
    resolve(request.path),
    size,
    mtimeMs,
    request.name,
    request.description,
    request.format,
  ];
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex');
}

async function waitForResult(client: ApiClient, id: string, signal: AbortSignal): Promise<UploadResult> {
  for (let waitMs = 50; ; waitMs = Math.min(waitMs * 1.5, 2000)) {
    const result = await client.json<UploadResult>(`/api/training/uploads/${id}/result`, { signal });
    if (result.status !== 'receiving' && result.status !== 'processing') return result;
    await delay(waitMs, undefined, { signal });
  }
}

function optional(name: string, value: string | undefined): Record<string, string> {
  return value === undefined ? {} : { [name]: value };
}

function interrupted(): LongshoreError {
  return new LongshoreError('interrupted', 'Interrupted. What was sent is kept by the server for a day.', {
    hint: 'Run the same command again: it goes on where it stopped.',
  });
}

function uploadError(error: Error): Error {
  const body = error instanceof DetailedError ? error.originalResponse?.getBody() : undefined;
  const status = error instanceof DetailedError ? error.originalResponse?.getStatus() : undefined;
  if (body !== undefined && status !== undefined) {
    try {
      return new ApiError({ code: 'upload_failed', detail: body, status, ...(JSON.parse(body) as Partial<Problem>) });
    } catch {
      return new ApiError({ code: 'upload_failed', detail: body || messageOf(error), status });
    }
  }
  return new LongshoreError('server_unreachable', 'The connection to the server was lost.', {
    hint: 'Run the same command again: it goes on where it stopped.',
    cause: error,
  });
}
