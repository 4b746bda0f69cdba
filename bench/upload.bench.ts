/**
 * Upload to ready over HTTP against `gzip -6` and `pigz -p 2 -6` on the same file in the same run, with the memory of all
 * processes of the server beside it. `--large` adds a 4 GiB upload, which must take no more memory than 256 MiB.
 */
import { execSync } from 'node:child_process';
import { createReadStream, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type PrivateServer, startPrivateServer } from '../scripts/private-server.ts';
import { type SampleKind, sampleFile } from './data.ts';
import { watchMemory } from './process-memory.ts';
import { describeMachine, median, printTable, secondsOf } from './table.ts';

const MIB = 2 ** 20;
const SIZE_BYTES = 256 * MIB;
const LARGE_COPIES = 16;
const ROUNDS = 3;

interface StoredDataset {
  id: string;
  file_size_bytes: number;
  total_examples: number;
}

/** Sends the file `copies` times as one body and resolves with the stored size when the dataset is ready. */
function upload({ url, adminKey }: PrivateServer, path: string, copies: number): Promise<StoredDataset> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${adminKey}`,
      'content-type': 'application/octet-stream',
      'content-length': statSync(path).size * copies,
    };
    const outgoing = request(
      `${url}/api/training/dataset?name=bench&filename=bench.jsonl`,
      { method: 'POST', headers },
      async (answer) => {
        const text = Buffer.concat(await answer.toArray()).toString();
        if (answer.statusCode === 201) resolve(JSON.parse(text).dataset);
        else reject(new Error(`${answer.statusCode}: ${text.slice(0, 500)}`));
      },
    );
    outgoing.on('error', reject);
    const send = (left: number): void => {
      createReadStream(path, { highWaterMark: MIB })
        .on('error', reject)
        .on('end', () => (left > 1 ? send(left - 1) : outgoing.end()))
        .pipe(outgoing, { end: false });
    };
    send(copies);
  });
}

async function timed<T>(work: () => Promise<T>): Promise<{ seconds: number; value: T }> {
  const start = performance.now();
  const value = await work();
  return { seconds: (performance.now() - start) / 1000, value };
}

interface Measured {
  seconds: number;
  peakMiB: number;
  objectBytes: number;
  /** What the server's process read for ten records in the middle, its sockets included. */
  previewReadKiB: number;
}

/** All bytes that the process has read so far, from files and sockets. */
function bytesRead(pid: number): number {
  return Number(/rchar: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1]);
}

/** Every copy is read back in the background after the answer: that is not what a preview reads. */
async function readBack({ url, adminKey }: PrivateServer, { id }: StoredDataset): Promise<void> {
  for (;;) {
    const answer = await fetch(`${url}/api/training/dataset/${id}`, {
      headers: { authorization: `Bearer ${adminKey}` },
    });
    const { dataset } = (await answer.json()) as { dataset: { replicas: { verified_at: string | null }[] } };
    if (dataset.replicas.every((replica) => replica.verified_at !== null)) return;
    await delay(200);
  }
}

async function previewReads({ pid, url, adminKey }: PrivateServer, dataset: StoredDataset): Promise<number> {
  const middle = Math.floor(dataset.total_examples / 2);
  const before = bytesRead(pid);
  const headers = { authorization: `Bearer ${adminKey}` };
  const answer = await fetch(`${url}/api/training/dataset/${dataset.id}/preview?offset=${middle}&limit=10`, {
    headers,
  });
  const { examples } = (await answer.json()) as { examples: unknown[] };
  if (examples.length !== 10) throw new Error(`the preview gave ${examples.length} records`);
  return bytesRead(pid) - before;
}

/** A fresh installation for each measurement: the first start counts. */
async function measureUpload(path: string, copies: number): Promise<Measured> {
  const dataDir = await mkdtemp(join(tmpdir(), 'longshore-bench-server-'));
  try {
    let memory: ReturnType<typeof watchMemory> | undefined;
    const server = await startPrivateServer(dataDir, (pid) => {
      memory = watchMemory(pid);
    });
    const { seconds, value } = await timed(() => upload(server, path, copies));
    const peak = memory?.stop() ?? 0;
    await readBack(server, value);
    const previewReadKiB = Math.round((await previewReads(server, value)) / 1024);
    await server.stop();
    return { seconds, peakMiB: Math.round(peak / MIB), objectBytes: value.file_size_bytes, previewReadKiB };
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function measureKind(kind: SampleKind): Promise<(string | number)[]> {
  const path = await sampleFile(kind, SIZE_BYTES);
  const rounds: { gzip: number; pigz: number; ours: Measured }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const gzip = secondsOf(`gzip -6 -c ${path}`);
    const pigz = secondsOf(`pigz -p 2 -6 -c ${path}`);
    rounds.push({ gzip, pigz, ours: await measureUpload(path, 1) });
  }
  const gzipBytes = Number(execSync(`gzip -6 -c ${path} | wc -c`).toString());
  const ratio = (peer: 'gzip' | 'pigz') => median(rounds.map((round) => round.ours.seconds / round[peer])).toFixed(2);
  const ours = rounds.map((round) => round.ours);
  return [
    `${kind}, 256 MiB`,
    median(ours.map((o) => o.seconds)).toFixed(2),
    ratio('gzip'),
    ratio('pigz'),
    ((ours[0]?.objectBytes ?? 0) / gzipBytes).toFixed(3),
    Math.max(...ours.map((o) => o.peakMiB)),
    Math.max(...ours.map((o) => o.previewReadKiB)),
  ];
}

console.log(`${describeMachine()}, medians of ${ROUNDS} rounds\n`);
const rows = [await measureKind('chat'), await measureKind('alpaca')];
if (process.argv.includes('--large')) {
  const large = await measureUpload(await sampleFile('chat', SIZE_BYTES), LARGE_COPIES);
  rows.push(['chat, 4 GiB', large.seconds.toFixed(2), '', '', '', large.peakMiB, large.previewReadKiB]);
}
printTable(
  [
    'upload to ready',
    'seconds',
    '/ gzip -6',
    '/ pigz -p 2 -6',
    'size / gzip -6',
    'peak MiB, all processes',
    'KiB read for a preview',
  ],
  rows,
);
