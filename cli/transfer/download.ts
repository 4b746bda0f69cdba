import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import { LongshoreError, messageOf } from '@/lib/errors.ts';
import type { Dataset, DownloadLocation } from '@/lib/http/api-types.ts';
import type { ApiClient } from '../api-client.ts';

/** A server that restarts is back within these: about 16 s in all. */
const MAX_STALLED_TRIES = 7;
const FIRST_WAIT_MS = 250;

export interface DownloadOptions {
  destination: string;
  decompress: boolean;
  onProgress(bytes: number): void;
  signal: AbortSignal;
}

/**
 * Fetches a dataset's object into `destination`. Bytes go to `destination.part` first, are continued there after an
 * interruption, and take the final name only when their SHA-256 is the recorded one. A signed URL that has expired or
 * failed in the middle is asked for anew.
 */
export async function downloadDataset(client: ApiClient, dataset: Dataset, options: DownloadOptions): Promise<void> {
  const partial = `${options.destination}.part`;
  await fetchAll(client, dataset, partial, options);
  await expectHash(partial, dataset.object_sha256);
  if (options.decompress) await unpack(partial, dataset, options.destination);
  else await rename(partial, options.destination);
}

async function fetchAll(client: ApiClient, dataset: Dataset, partial: string, options: DownloadOptions): Promise<void> {
  let stalled = 0;
  for (;;) {
    const before = await sizeOf(partial);
    if (before === dataset.file_size_bytes) return;
    if (dataset.file_size_bytes !== null && before > dataset.file_size_bytes) await rm(partial);
    try {
      await fetchRest(client, dataset, partial, options);
    } catch (error) {
      if (options.signal.aborted) throw error;
      stalled = (await sizeOf(partial)) > before ? 0 : stalled + 1;
      if (stalled >= MAX_STALLED_TRIES) throw downloadFailed(dataset, error);
      await delay(FIRST_WAIT_MS * 2 ** stalled, undefined, { signal: options.signal });
    }
  }
}

async function fetchRest(
  client: ApiClient,
  dataset: Dataset,
  partial: string,
  options: DownloadOptions,
): Promise<void> {
  const { signal } = options;
  const { url } = await client.json<DownloadLocation>(`/api/training/dataset/${dataset.id}/download-url`, { signal });
  const start = await sizeOf(partial);
  // The signed URL may belong to another host: our own key is never sent along.
  const response = await fetch(url, { headers: start === 0 ? {} : { range: `bytes=${start}-` }, signal });
  if (!response.ok || response.body === null) throw new Error(`the store answered ${response.status}`);
  const resumed = response.status === 206;
  await appendAll(response.body, partial, resumed ? start : 0, options.onProgress);
}

async function appendAll(
  body: ReadableStream<Uint8Array>,
  path: string,
  start: number,
  onProgress: (bytes: number) => void,
): Promise<void> {
  const file = await open(path, start > 0 ? 'a' : 'w');
  let done = start;
  try {
    for await (const chunk of Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0])) {
      await file.write(chunk);
      done += chunk.length;
      onProgress(done);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

async function unpack(partial: string, dataset: Dataset, destination: string): Promise<void> {
  const unpacked = `${destination}.unpacked`;
  const hash = createHash('sha256');
  const file = await open(unpacked, 'w');
  try {
    await pipeline(createReadStream(partial), createGunzip(), async (source) => {
      for await (const chunk of source) {
        hash.update(chunk);
        await file.write(chunk);
      }
    });
    await file.sync();
  } finally {
    await file.close();
  }
  if (hash.digest('hex') !== dataset.content_sha256) {
    await rm(unpacked);
    throw differs(partial);
  }
  await rename(unpacked, destination);
  await rm(partial);
}

async function expectHash(path: string, sha256: string | null): Promise<void> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  if (hash.digest('hex') === sha256) return;
  await rm(path);
  throw differs(path);
}

function differs(path: string): LongshoreError {
  return new LongshoreError('download_differs', `${path} was removed: its SHA-256 is not the recorded one.`, {
    hint: 'Run the command again. If it happens twice, run: longshore verify ID',
  });
}

function downloadFailed(dataset: Dataset, error: unknown): LongshoreError {
  return new LongshoreError('download_failed', `${dataset.id} could not be fetched: ${messageOf(error)}.`, {
    hint: 'What arrived is kept beside the destination; the same command goes on from there.',
    cause: error,
  });
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    (found) => found.size,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return 0;
      throw error;
    },
  );
}
