/**
 * Upload to ready over HTTP against `gzip -6` and `pigz -p 2 -6` on the same file in the same run, with the memory of all
 * processes of the server beside it, and the CPU time of a record from 10 MiB on. `--large` adds a 4 GiB upload, which
 * must take no more memory than 256 MiB and no more time a record. Size is compared with what `gzip -6` makes of the
 * normalised content, which is what is compressed. `--kind=chat` takes one kind of file alone, `--rounds=1` fewer rounds.
 * Each file goes to a server that has just started, and once more to the same one: its threads run and its code is
 * compiled then, as in a server that has been up for a while.
 */
import { execSync, spawn } from 'node:child_process';
import { createReadStream, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
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

/**
 * Sends the file `copies` times as one body and resolves when the dataset is ready. By curl: a client in Node would take
 * three times as much from the cores that it shares with the server.
 */
async function upload({ url, adminKey }: PrivateServer, path: string, copies: number): Promise<StoredDataset> {
  const headers = ['-H', `authorization: Bearer ${adminKey}`, '-H', 'content-type: application/octet-stream'];
  const address = `${url}/api/training/dataset?name=bench&filename=bench.jsonl`;
  const body = copies === 1 ? path : '-';
  const curl = ['curl', '--silent', '--show-error', '-X', 'POST', '-H', 'expect:', ...headers, '-T', body, address];
  const files = new Array<string>(copies === 1 ? 0 : copies).fill(path);
  const script = `copies=$1; shift; cat "\${@:1:copies}" | "\${@:copies+1}"`;
  const command = copies === 1 ? curl : ['bash', '-c', script, 'bash', String(copies), ...files, ...curl];
  const text = await printedBy(command);
  const { dataset } = JSON.parse(text) as { dataset?: StoredDataset };
  if (dataset === undefined) throw new Error(text.slice(0, 500));
  return dataset;
}

async function printedBy([program = '', ...args]: readonly string[]): Promise<string> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  return Buffer.concat(await child.stdout.toArray()).toString();
}

async function timed<T>(work: () => Promise<T>): Promise<{ seconds: number; value: T }> {
  const start = performance.now();
  const value = await work();
  return { seconds: (performance.now() - start) / 1000, value };
}

interface Measured {
  seconds: number;
  /** Of the second upload of the file to the same server. */
  againSeconds: number;
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
      const { seconds: againSeconds } = await timed(() => upload(server, path, 1));
      return { seconds, againSeconds, cpuSeconds: cpu, records, peakMiB, objectBytes, previewReadKiB };
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
  const again = median(rounds.map((round) => round.ours.againSeconds / round.gzip)).toFixed(2);
  const ours = rounds.map((round) => round.ours);
  const size = ((ours[0]?.objectBytes ?? 0) / (await gzipBytesOf(path))).toFixed(3);
  return row(`${kind}, ${SIZE_MIB} MiB`, ours, [ratio('gzip'), again, ratio('pigz'), size]);
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

const NO_RATIOS = ['', '', '', ''];
const HEADER = [
  'upload to ready',
  'seconds',
  '/ gzip -6',
  'second upload / gzip -6',
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
