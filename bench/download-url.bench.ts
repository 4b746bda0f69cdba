/**
 * Download URLs over HTTP on a warm server against the SDK's bare `getSignedUrl` in the same run; then their latency while
 * 100,000 datasets are listed and searched beside them. The embedded database; S3 is the sandbox.
 */
import { openAsBlob } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { Dataset } from '@/lib/http/api-types.ts';
import { type S3Sandbox, startS3Sandbox } from '@/sandbox/s3/start-s3-sandbox.ts';
import { ApiClient } from '../cli/api-client.ts';
import { startPrivateServer } from '../scripts/private-server.ts';
import { fillInstallation } from '../tests/support/filled-installation.ts';
import { hammer, type LoadResult } from './load.ts';
import { describeMachine, printTable } from './table.ts';

const ROWS = 100_000;
const SECONDS = 3;
const ROUNDS = 3;
/** The optimising compiler has seen the way of a request often enough after these. */
const WARM_UP_SECONDS = 8;

/** How many URLs a second the SDK signs, alone in this process. */
async function bareRate(s3: S3Sandbox): Promise<number> {
  const { region, accessKeyId, secretAccessKey, bucket: Bucket } = s3;
  const client = new S3Client({ region, credentials: { accessKeyId, secretAccessKey } });
  let signed = 0;
  const start = performance.now();
  while (performance.now() < start + SECONDS * 1000) {
    await getSignedUrl(client, new GetObjectCommand({ Bucket, Key: `local/datasets/${signed}` }), { expiresIn: 7200 });
    signed += 1;
  }
  client.destroy();
  return (signed * 1000) / (performance.now() - start);
}

async function readyDataset(client: ApiClient): Promise<Dataset> {
  for (const phase of ['dual_write', 'hybrid_read']) {
    await client.json('/api/storage/phase', { method: 'POST', json: { phase } });
  }
  const body = await openAsBlob(new URL('../examples/data/ferry-chats.jsonl', import.meta.url));
  const query = { name: 'bench', filename: 'bench.jsonl' };
  return (await client.json<{ dataset: Dataset }>('/api/training/dataset', { method: 'POST', query, body })).dataset;
}

/** Until no copy is written, read back or compared any more: only then is the server warm and nothing else measured. */
async function quiet(client: ApiClient): Promise<void> {
  for (;;) {
    const { pending } = await client.json<{ pending: { type: string }[] }>('/api/storage/status');
    if (!pending.some(({ type }) => /replica|reconcile|scrub/.test(type))) return;
    await delay(500);
  }
}

/** Lists page after page and searches for words, some of which no dataset has, until told to stop. */
async function browse(client: ApiClient, signal: AbortSignal): Promise<number> {
  let asked = 0;
  const listing = async () => {
    for (let cursor: string | undefined; !signal.aborted; asked += 1) {
      const query = { limit: 50, cursor };
      const page = await client.json<{ next_cursor: string | null }>('/api/training/dataset', { query });
      cursor = page.next_cursor ?? undefined;
    }
  };
  const searching = async () => {
    for (let turn = 0; !signal.aborted; turn += 1) {
      const q = turn % 2 === 0 ? `number ${turn * 997}` : `nowhere ${turn}`;
      await client.json('/api/training/dataset', { query: { limit: 50, q } });
      asked += 1;
    }
  };
  await Promise.all([listing(), searching()]);
  return asked;
}

async function beside(client: ApiClient, url: string, key: string): Promise<LoadResult & { browsed: number }> {
  const stop = new AbortController();
  const browsing = browse(client, stop.signal);
  const result = await hammer(url, key, { connections: 4, seconds: SECONDS * 2 });
  stop.abort();
  return { ...result, browsed: await browsing };
}

const dataDir = await mkdtemp(join(tmpdir(), 'longshore-bench-urls-'));
const s3 = await startS3Sandbox();
await fillInstallation(dataDir, ROWS, { endpoint: s3.url, bucket: s3.bucket, every: 1 });
const env = {
  S3_BUCKET: s3.bucket,
  AWS_ACCESS_KEY_ID: s3.accessKeyId,
  AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
  AWS_REGION: s3.region,
  AWS_ENDPOINT_URL_S3: s3.url,
};
const server = await startPrivateServer(dataDir, { env });
try {
  const client = new ApiClient(server.url, server.adminKey);
  const { id } = await readyDataset(client);
  await quiet(client);
  const url = `${server.url}/api/training/dataset/${id}/download-url`;
  await hammer(url, server.adminKey, { connections: 8, seconds: WARM_UP_SECONDS });
  console.log(`${describeMachine()}\n`);
  const rows: string[][] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const bare = await bareRate(s3);
    const ours = await hammer(url, server.adminKey, { connections: 8, seconds: SECONDS });
    rows.push([bare, ours.perSecond].map((rate) => rate.toFixed(0)).concat((ours.perSecond / bare).toFixed(2)));
  }
  printTable(['getSignedUrl / s', 'download-url / s, HTTP included', 'ratio'], rows);
  const busy = await beside(client, url, server.adminKey);
  console.log();
  printTable(
    ['beside lists and searches over 100,000', 'p50 ms', 'p99 ms', 'p99 / p50', 'lists and searches'],
    [[busy.answers, busy.p50Ms.toFixed(1), busy.p99Ms.toFixed(1), (busy.p99Ms / busy.p50Ms).toFixed(1), busy.browsed]],
  );
} finally {
  await server.stop();
  await s3.close();
  await rm(dataDir, { recursive: true, force: true });
}
