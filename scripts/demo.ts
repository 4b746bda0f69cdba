/**
 * The whole path in under a minute, in a temporary folder: a real server process, real uploads, the report, a preview, a
 * signed URL, and a download that is verified byte for byte. Leaves nothing behind.
 */
import { createHash } from 'node:crypto';
import { openAsBlob } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { ApiClient, ApiError, type DatasetView, type DownloadLocation } from '../cli/api-client.ts';
import { type PrivateServer, startPrivateServer } from './private-server.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const started = performance.now();

function say(text: string): void {
  console.log(`\n\u001b[1m${((performance.now() - started) / 1000).toFixed(1).padStart(5)}s  ${text}\u001b[0m`);
}

function show(text: string): void {
  console.log(text.replace(/^/gm, '        '));
}

async function upload(client: ApiClient, file: string): Promise<DatasetView> {
  const query = { name: basename(file), filename: basename(file) };
  const body = await openAsBlob(join(root, 'examples/data', file));
  return (await client.json<{ dataset: DatasetView }>('/api/training/dataset', { method: 'POST', query, body }))
    .dataset;
}

async function uploadAll(client: ApiClient): Promise<DatasetView[]> {
  const datasets: DatasetView[] = [];
  for (const file of ['ferry-chats.jsonl', 'harbour-tasks.alpaca.json', 'sea-advice.preference.jsonl']) {
    const dataset = await upload(client, file);
    datasets.push(dataset);
    const { total_examples: examples, format, kind, original_size_bytes: before, file_size_bytes: after } = dataset;
    show(
      `${file}: ${examples} examples, ${format} -> ${kind}, ${before} bytes in, ${after} stored on ${dataset.storage_provider}`,
    );
  }
  return datasets;
}

async function refuseBroken(client: ApiClient): Promise<void> {
  try {
    await upload(client, 'broken.jsonl');
    throw new Error('the broken file was accepted');
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    show(`${error.problem.status} ${error.problem.code}: ${error.problem.detail}`);
    for (const { line, path, message, hint } of error.problem.errors ?? [])
      show(`line ${line}  ${path ?? ''}  ${message}${hint === null ? '' : ` ${hint}`}`);
  }
}

async function fetchAndVerify(location: DownloadLocation, dataset: DatasetView): Promise<void> {
  const bytes = new Uint8Array(await (await fetch(location.url)).arrayBuffer());
  const same = (data: Uint8Array, expected: string | null) =>
    createHash('sha256').update(data).digest('hex') === expected;
  const content = gunzipSync(bytes);
  if (!same(bytes, dataset.object_sha256) || !same(content, dataset.content_sha256))
    throw new Error('the hashes differ');
  show(
    `${bytes.length} bytes from ${location.provider}, both hashes equal; ${content.toString().split('\n').length - 1} records inside`,
  );
}

async function tour(client: ApiClient): Promise<void> {
  say('Three files go in: checked record by record, normalised, compressed, hashed, stored');
  const [chats, tasks] = await uploadAll(client);
  if (chats === undefined || tasks === undefined) throw new Error('nothing was stored');

  say('A broken file is refused, and says what to mend; nothing of it is stored');
  await refuseBroken(client);

  say('What is known about the chats');
  const { report } = await client.json<{ report: { statistics: Record<string, unknown>; findings: unknown[] } }>(
    `/api/training/dataset/${chats.id}/report`,
  );
  const { avg_input_length: input, avg_output_length: output, roles } = report.statistics;
  show(
    `average input ${Number(input).toFixed(1)} and output ${Number(output).toFixed(1)} characters, roles ${JSON.stringify(roles)}, ${report.findings.length} findings`,
  );

  say('Any record, by one range read of the stored object (Alpaca became messages)');
  const preview = await client.json<{ examples: unknown[]; total: number }>(
    `/api/training/dataset/${tasks.id}/preview`,
    { query: { offset: 3, limit: 1 } },
  );
  show(`record 4 of ${preview.total}: ${JSON.stringify(preview.examples[0])}`);

  say('A training job gets a short-lived URL');
  const location = await client.json<DownloadLocation>(`/api/training/dataset/${chats.id}/download-url`, {
    query: { expires_in: 600 },
  });
  show(`${location.token}, until ${location.expires_at}`);
  await fetchAndVerify(location, chats);
}

const dataDir = await mkdtemp(join(tmpdir(), 'longshore-demo-'));
let server: PrivateServer | undefined;
try {
  say('Starting Longshore in a temporary folder: no cloud account, nothing configured');
  server = await startPrivateServer(dataDir);
  show(server.url);
  await tour(new ApiClient(server.url, server.adminKey));
  say('Done. Everything above was real; the folder is removed now.');
} finally {
  await server?.stop();
  await rm(dataDir, { recursive: true, force: true });
}
