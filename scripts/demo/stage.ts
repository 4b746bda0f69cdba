import { createHash } from 'node:crypto';
import { openAsBlob } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import type { Dataset, DownloadLocation } from '@/lib/http/api-types.ts';
import type { ApiClient } from '../../cli/api-client.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const started = performance.now();
const PATIENCE_MS = 60_000;

/** What happens next, with the seconds since the start. */
export function say(text: string): void {
  console.log(`\n\u001b[1m${((performance.now() - started) / 1000).toFixed(1).padStart(5)}s  ${text}\u001b[0m`);
}

/** What was seen. */
export function show(text: string): void {
  console.log(text.replace(/^/gm, '        '));
}

/** Uploads a file of examples/data. */
export async function upload(client: ApiClient, file: string, name = basename(file)): Promise<Dataset> {
  const query = { name, filename: basename(file) };
  const body = await openAsBlob(join(root, 'examples/data', file));
  return (await client.json<{ dataset: Dataset }>('/api/training/dataset', { method: 'POST', query, body })).dataset;
}

export async function datasetNow(client: ApiClient, { id }: Dataset): Promise<Dataset> {
  return (await client.json<{ dataset: Dataset }>(`/api/training/dataset/${id}`)).dataset;
}

/** Asks for a fresh URL, downloads by it, and holds the bytes to both hashes. */
export async function download(client: ApiClient, dataset: Dataset): Promise<DownloadLocation> {
  const path = `/api/training/dataset/${dataset.id}/download-url`;
  const location = await client.json<DownloadLocation>(path, { query: { expires_in: 600 } });
  const bytes = new Uint8Array(await (await fetch(location.url)).arrayBuffer());
  const content = gunzipSync(bytes);
  if (sha256(bytes) !== dataset.object_sha256 || sha256(content) !== dataset.content_sha256)
    throw new Error('the hashes differ');
  const why = location.fallback_reason === undefined ? '' : ` (not the first choice: ${location.fallback_reason})`;
  show(`${bytes.length} bytes from ${location.provider}${why}, both hashes equal`);
  return location;
}

/** One line: where the copies are, and which of them were read back. */
export function copiesOf(dataset: Dataset): string {
  return dataset.replicas
    .map(({ provider, state, verified_at }) => `${provider}: ${verified_at === null ? state : 'read back, hash equal'}`)
    .join('   ');
}

/** Looks again until the dataset is as wanted. */
export async function until(client: ApiClient, dataset: Dataset, wanted: (now: Dataset) => boolean): Promise<Dataset> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const now = await datasetNow(client, dataset);
    if (wanted(now)) return now;
    if (performance.now() > end) throw new Error(`not in a minute: ${copiesOf(now)}`);
    await delay(100);
  }
}

export function isSafe({ replicas }: Dataset): boolean {
  return replicas.length === 2 && replicas.every((copy) => copy.verified_at !== null);
}

function sha256(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}
