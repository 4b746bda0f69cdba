/**
 * Upload to ready over HTTP against `gzip -6` and `pigz -p 2 -6` on the same file in the same run, with the memory of all
 * processes of the server beside it, and the CPU time of a record from 10 MiB on. `--large` adds a 4 GiB upload, which
 * must take no more memory than 256 MiB and no more time a record. Size is compared with what `gzip -6` makes of the
 * normalised content, which is what is compressed. `--kind=chat` takes one kind of file alone, `--rounds=1` fewer rounds.
 */
import { execSync } from 'node:child_process';
import { createReadStream, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ingestToSpool } from '../lib/ingest/ingest.ts';
import { IngestPool } from '../lib/ingest/pool/ingest-pool.ts';
import { type PrivateServer, startPrivateServer } from '../scripts/private-server.ts';
import { type SampleKind, sampleFile } from './data.ts';
import { cpuSeconds, watchMemory } from './process-usage.ts';
import { describeMachine, median, printHeader, printRow, secondsOf } from './table.ts';

const MIB = 2 ** 20;
const SMALL_MIB = 10;
const SIZE_MIB = 256;
const LARGE_COPIES = 16;
const ROUNDS = Number(wordOf('rounds') ?? 3);
const largeOnly = process.argv.includes('--large-only');

/** The value of `--name=value`. */
function wordOf(name: string): string | undefined {
  return process.argv.find((word) => word.startsWith(`--${name}=`))?.split('=')[1];
}

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
  cpuSeconds: number;
  records: number;
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
    const onSpawn = (pid: number) => {
      memory = watchMemory(pid);
    };
    const server = await startPrivateServer(dataDir, { onSpawn });
    try {
      const cpuBefore = cpuSeconds(server.pid);
      const { seconds, value } = await timed(() => upload(server, path, copies));
      const cpu = cpuSeconds(server.pid) - cpuBefore;
      const peakMiB = Math.round((memory?.stop() ?? 0) / MIB);
      await readBack(server, value);
      const previewReadKiB = Math.round((await previewReads(server, value)) / 1024);
      const { file_size_bytes: objectBytes, total_examples: records } = value;
      return { seconds, cpuSeconds: cpu, records, peakMiB, objectBytes, previewReadKiB };
    } finally {
      memory?.stop();
      await server.stop();
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function measureKind(kind: SampleKind): Promise<(string | number)[]> {
  const path = await sampleFile(kind, SIZE_MIB * MIB);
  const rounds: { gzip: number; pigz: number; ours: Measured }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const gzip = secondsOf(`gzip -6 -c ${path}`);
    const pigz = secondsOf(`pigz -p 2 -6 -c ${path}`);
    rounds.push({ gzip, pigz, ours: await measureUpload(path, 1) });
  }
  const ratio = (peer: 'gzip' | 'pigz') => median(rounds.map((round) => round.ours.seconds / round[peer])).toFixed(2);
  const ours = rounds.map((round) => round.ours);
  const size = ((ours[0]?.objectBytes ?? 0) / (await gzipBytesOf(path))).toFixed(3);
  return row(`${kind}, ${SIZE_MIB} MiB`, ours, [ratio('gzip'), ratio('pigz'), size]);
}

/** What `gzip -6` makes of the normalised content of a file. */
async function gzipBytesOf(path: string): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'longshore-bench-content-'));
  const pool = new IngestPool();
  try {
    const { spooled } = await ingestToSpool(createReadStream(path), { directory }, {}, pool);
    return Number(execSync(`zcat ${spooled?.path} | gzip -6 -c | wc -c`).toString());
  } finally {
    await pool.close();
    await rm(directory, { recursive: true, force: true });
  }
}

function row(name: string, ours: readonly Measured[], ratios: readonly string[]): (string | number)[] {
  return [
    name,
    median(ours.map((o) => o.seconds)).toFixed(2),
    ...ratios,
    median(ours.map((o) => o.cpuSeconds)).toFixed(2),
    median(ours.map((o) => (o.cpuSeconds / o.records) * 1e6)).toFixed(1),
    Math.max(...ours.map((o) => o.peakMiB)),
    Math.max(...ours.map((o) => o.previewReadKiB)),
  ];
}

const NO_RATIOS = ['', '', ''];
const HEADER = [
  'upload to ready',
  'seconds',
  '/ gzip -6',
  '/ pigz -p 2 -6',
  'size / gzip -6',
  'CPU s',
  'CPU µs a record',
  'peak MiB, all processes',
  'KiB read for a preview',
];
const KINDS: readonly SampleKind[] = ['chat', 'alpaca', 'real-chat', 'real-alpaca'];

async function measureAlone(kind: SampleKind, mib: number, copies = 1): Promise<void> {
  const measured = await measureUpload(await sampleFile(kind, mib * MIB), copies);
  printRow(row(`${kind}, ${mib * copies} MiB`, [measured], NO_RATIOS));
}

const chosen = KINDS.filter((kind) => kind === wordOf('kind'));
console.log(`${describeMachine()}, medians of ${ROUNDS} rounds\n`);
printHeader(HEADER);
if (chosen.length === 0) await measureAlone('chat', SMALL_MIB);
if (largeOnly) await measureAlone('chat', SIZE_MIB);
else for (const kind of chosen.length > 0 ? chosen : KINDS) printRow(await measureKind(kind));
if (largeOnly || process.argv.includes('--large')) await measureAlone('chat', SIZE_MIB, LARGE_COPIES);
