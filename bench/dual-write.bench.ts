/**
 * One dataset of 1 GiB to two stores at once, throttled to the same bandwidth, against the slower of them alone. The
 * stores are processes of their own; the memory is this one's, which writes.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { writeCopies } from '@/lib/datasets/copy-writes.ts';
import { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import { createStorageService } from '@/lib/storage/storage-factory.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';
import { fileBody, type ReplayableBody } from '@/lib/streams/replayable-body.ts';
import { describeMachine, printTable } from './table.ts';

const MIB = 2 ** 20;
const SIZE_MIB = 1024;
const BYTES_PER_SECOND = 32 * MIB;
const RULES = { requiredCopies: 2, waitMs: 0 };

type Environment = Record<string, string>;

/** A sandbox store in a process of its own, at the bandwidth. */
async function startStore(
  kind: '--s3' | '--supabase',
  dir: string,
): Promise<{ child: ChildProcess; env: Environment }> {
  const main = fileURLToPath(new URL('../sandbox/main.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', main, kind, '--json', '--dir', dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const env = JSON.parse(line) as Environment;
  const body = JSON.stringify({ upBytesPerSecond: BYTES_PER_SECOND });
  const answer = await fetch(`${env.AWS_ENDPOINT_URL_S3 ?? env.SUPABASE_URL}/__sandbox/throttle`, {
    method: 'PUT',
    body,
  });
  if (!answer.ok) throw new Error(`no throttle: ${answer.status}`);
  return { child, env };
}

function servicesOf(s3: Environment, supabase: Environment, guard: EndpointGuard): Record<string, StorageService> {
  const { S3_BUCKET = '', AWS_REGION = '', AWS_ENDPOINT_URL_S3: endpoint } = s3;
  const credentials = { accessKeyId: s3.AWS_ACCESS_KEY_ID ?? '', secretAccessKey: s3.AWS_SECRET_ACCESS_KEY ?? '' };
  const { SUPABASE_URL = '', SUPABASE_SERVICE_ROLE_KEY = '', SUPABASE_STORAGE_BUCKET = '' } = supabase;
  const base = { url: SUPABASE_URL, serviceRoleKey: SUPABASE_SERVICE_ROLE_KEY, bucket: SUPABASE_STORAGE_BUCKET };
  return {
    s3: createStorageService('s3', { bucket: S3_BUCKET, region: AWS_REGION, endpoint, credentials }, { guard }),
    supabase: createStorageService('supabase', base, { guard }),
  };
}

/** Bytes that no store can make smaller, with their hash, as the spool holds them. */
async function spoolFile(path: string, sizeMib: number): Promise<ReplayableBody> {
  const file = await open(path, 'w');
  const hash = createHash('sha256');
  const block = Buffer.alloc(MIB);
  for (let written = 0; written < sizeMib; written += 1) {
    hash.update(randomFillSync(block));
    await file.write(block);
  }
  await file.close();
  return fileBody(path, { sha256: hash.digest('hex') });
}

interface Measured {
  seconds: number;
  peakMiB: number;
}

let runs = 0;

async function measure(stores: readonly StorageService[], body: ReplayableBody): Promise<Measured> {
  runs += 1;
  const key = `bench/datasets/${runs}.jsonl.gz`;
  let peak = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 25);
  const start = performance.now();
  const put = (store: StorageService, signal: AbortSignal) => store.put(key, body, { signal });
  const { completed, failures } = await writeCopies(stores, put, RULES);
  const seconds = (performance.now() - start) / 1000;
  clearInterval(watch);
  if (completed.length !== stores.length) throw failures[0];
  return { seconds, peakMiB: Math.round(peak / MIB) };
}

const folder = await mkdtemp(join(tmpdir(), 'longshore-bench-dual-'));
const guard = new EndpointGuard({ allowPrivateEndpoints: true });
const started: ChildProcess[] = [];
try {
  const [s3Store, supabaseStore] = [
    await startStore('--s3', join(folder, 's3')),
    await startStore('--supabase', join(folder, 'supabase')),
  ];
  started.push(s3Store.child, supabaseStore.child);
  const { s3, supabase } = servicesOf(s3Store.env, supabaseStore.env, guard);
  if (s3 === undefined || supabase === undefined) throw new Error('no stores');
  const small = await measure([s3, supabase], await spoolFile(join(folder, 'small'), SIZE_MIB / 8));
  const body = await spoolFile(join(folder, 'large'), SIZE_MIB);
  const alone = [await measure([s3], body), await measure([supabase], body)];
  const both = await measure([s3, supabase], body);
  const slower = Math.max(...alone.map((one) => one.seconds));
  console.log(`${describeMachine()}, each store at ${BYTES_PER_SECOND / MIB} MiB/s\n`);
  const row = (name: string, { seconds, peakMiB }: Measured) => [
    name,
    seconds.toFixed(1),
    (seconds / slower).toFixed(2),
    peakMiB,
  ];
  printTable(
    ['write', 'seconds', '/ the slower alone', 'peak MiB of the writer'],
    [
      row(`${SIZE_MIB / 8} MiB to both`, small),
      row(`${SIZE_MIB} MiB to S3 alone`, alone[0] ?? both),
      row(`${SIZE_MIB} MiB to Supabase alone`, alone[1] ?? both),
      row(`${SIZE_MIB} MiB to both`, both),
    ],
  );
} finally {
  for (const child of started) child.kill('SIGTERM');
  guard.close();
  await rm(folder, { recursive: true, force: true });
}
