/**
 * A migration against `rclone copy` followed by `rclone check --download`, between the same two endpoints in the same run:
 * the repository's S3 server stands for both sides (rclone does not speak Supabase's own API). Both end with the same
 * proof: every byte was read back from the destination and compared. `--small` takes a fifth of the data.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { datasetObjectKey } from '@/lib/storage/object-key.ts';
import type { S3StoreConfig } from '@/lib/storage/s3-config.ts';
import { readableOf } from '@/lib/streams/replayable-body.ts';
import { type MigrationNode, type NodeSettings, openMigrationNode } from '@/tests/support/migration/node.ts';
import { insertDatasets, type SeededDataset } from '@/tests/support/migration/seed.ts';
import { startTestPostgres } from '@/tests/support/postgres.ts';
import { cpuSeconds, watchMemory } from './process-usage.ts';
import { describeMachine, printTable } from './table.ts';

const MIB = 2 ** 20;
const SMALL = process.argv.includes('--small');
const SHAPES = SMALL
  ? [
      { name: '1,000 x 64 KiB', count: 1000, sizeBytes: 64 * 1024 },
      { name: '2 x 256 MiB', count: 2, sizeBytes: 256 * MIB },
    ]
  : [
      { name: '5,000 x 64 KiB', count: 5000, sizeBytes: 64 * 1024 },
      { name: '4 x 1 GiB', count: 4, sizeBytes: 1024 * MIB },
    ];
const only = process.argv.find((word) => word.startsWith('--shape='))?.slice('--shape='.length);

interface Sandbox {
  process: ChildProcess;
  source: S3StoreConfig;
  destination: S3StoreConfig;
  rclone(...words: string[]): void;
}

async function startSandbox(dir: string): Promise<Sandbox> {
  const main = fileURLToPath(new URL('../sandbox/main.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', main, '--s3', '--json', '--dir', dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(createInterface(child.stdout), 'line');
  const told = JSON.parse(line) as Record<string, string>;
  const config: S3StoreConfig = {
    bucket: told.S3_BUCKET ?? '',
    endpoint: told.AWS_ENDPOINT_URL_S3 ?? '',
    region: 'us-east-1',
    credentials: { accessKeyId: told.AWS_ACCESS_KEY_ID ?? '', secretAccessKey: told.AWS_SECRET_ACCESS_KEY ?? '' },
    profile: 'minio',
  };
  const remote = (name: string) => ({
    [`RCLONE_CONFIG_${name}_TYPE`]: 's3',
    [`RCLONE_CONFIG_${name}_PROVIDER`]: 'Minio',
    [`RCLONE_CONFIG_${name}_ACCESS_KEY_ID`]: told.AWS_ACCESS_KEY_ID,
    [`RCLONE_CONFIG_${name}_SECRET_ACCESS_KEY`]: told.AWS_SECRET_ACCESS_KEY,
    [`RCLONE_CONFIG_${name}_ENDPOINT`]: config.endpoint,
    [`RCLONE_CONFIG_${name}_REGION`]: 'us-east-1',
  });
  // Two names for one server: bytes pass through rclone, as they would between two providers.
  const { PATH, HOME } = process.env;
  const env = { PATH, HOME, RCLONE_CONFIG: '/dev/null', ...remote('FROM'), ...remote('TO') };
  const rclone = (...words: string[]) =>
    void execFileSync('rclone', words, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  for (const bucket of ['ours', 'theirs']) rclone('mkdir', `to:${bucket}`);
  return { process: child, source: config, destination: { ...config, bucket: 'ours' }, rclone };
}

/** Bytes of an object, made as they are read: different in every block, the same for every reader. */
function blockOf(id: string, number: number): Buffer {
  const block = Buffer.alloc(64 * 1024, createHash('sha512').update(id).digest());
  block.writeUInt32LE(number);
  return block;
}

async function fill(node: MigrationNode, shape: (typeof SHAPES)[number], tag: string): Promise<void> {
  const blocks = shape.sizeBytes / (64 * 1024);
  const datasets: SeededDataset[] = [];
  const one = async (n: number) => {
    const id = `${tag}-${n}`;
    const hash = createHash('sha256');
    for (let b = 0; b < blocks; b += 1) hash.update(blockOf(id, b));
    const sha256 = hash.digest('hex');
    const key = datasetObjectKey('supabase', 'bench', id);
    const open = ({ start, end } = { start: 0, end: shape.sizeBytes }) => {
      const parts = [];
      for (let b = start / 65536; b < end / 65536; b += 1) parts.push(blockOf(id, b));
      return readableOf(Buffer.concat(parts));
    };
    await node.base.put(key, { sizeBytes: shape.sizeBytes, sha256, open });
    datasets.push({ id, userId: 'bench', key, sizeBytes: shape.sizeBytes, sha256 });
  };
  const numbers = Array.from({ length: shape.count }, (_, n) => n);
  const workers = Array.from({ length: 4 }, async () => {
    for (let n = numbers.pop(); n !== undefined; n = numbers.pop()) await one(n);
  });
  await Promise.all(workers);
  for (let at = 0; at < datasets.length; at += 500) {
    await insertDatasets(node.handle.db, node.base, datasets.slice(at, at + 500));
  }
}

interface Cost {
  seconds: number;
  /** CPU seconds of who copies, and of the server while it does. */
  cpu: number;
  serverCpu: number;
}

/** The engine in a process of its own, from the first claim to the end of the run. */
async function migrate(
  node: MigrationNode,
  settings: NodeSettings,
  serverPid: number,
): Promise<Cost & { peakMiB: number }> {
  const options = { filters: {}, concurrency: 32, bwlimitBytesPerSecond: null };
  const { run } = await node.migration.service.plan(options, 'bench');
  await node.migration.service.resume(run.id, 'bench');
  const worker = fileURLToPath(new URL('../tests/support/migration/worker.ts', import.meta.url));
  const task = JSON.stringify({ settings, runId: run.id, owner: 'bench' });
  const child = spawn(process.execPath, ['--import', 'tsx', worker, task], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface(child.stdout);
  await once(lines, 'line');
  const stop = clocksOf(child.pid ?? 0, serverPid);
  const memory = watchMemory(child.pid ?? 0);
  await once(lines, 'line');
  const cost = stop();
  const peakMiB = Math.round(memory.stop() / MIB);
  await once(child, 'exit');
  const { totals } = await node.migration.service.get(run.id);
  if (totals.counts.done === 0 || totals.counts.failed + totals.counts.quarantined + totals.counts.pending > 0) {
    throw new Error(`the run ended with ${JSON.stringify(totals.counts)} ${JSON.stringify(totals.errors)}`);
  }
  return { ...cost, peakMiB };
}

/** Runs until the answer is called, which says what it cost. Of children that ended, too. */
function clocksOf(pid: number, serverPid: number): () => Cost {
  const [start, cpu, serverCpu] = [performance.now(), cpuSeconds(pid), cpuSeconds(serverPid)];
  return () => {
    const seconds = (performance.now() - start) / 1000;
    return { seconds, cpu: cpuSeconds(pid) - cpu, serverCpu: cpuSeconds(serverPid) - serverCpu };
  };
}

function rcloneCost(sandbox: Sandbox): { copy: Cost; check: Cost } {
  const from = `from:${sandbox.source.bucket}`;
  const timed = (...words: string[]) => {
    const stop = clocksOf(process.pid, sandbox.process.pid ?? 0);
    sandbox.rclone(...words);
    return stop();
  };
  return { copy: timed('copy', from, 'to:theirs'), check: timed('check', '--download', from, 'to:theirs') };
}

async function measure(shape: (typeof SHAPES)[number]): Promise<(string | number)[]> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-bench-migrate-'));
  const postgres = await startTestPostgres();
  const sandbox = await startSandbox(folder);
  const settings: NodeSettings = {
    databaseUrl: await postgres.createDatabase(),
    base: { s3: sandbox.source },
    bucket: sandbox.destination,
    timing: { pulseMs: 1000, idleMs: 50, leaseMs: 30_000 },
  };
  const node = await openMigrationNode(settings);
  try {
    await fill(node, shape, `s${shape.sizeBytes}`);
    // Each begins when nothing is left to be written to disk.
    execFileSync('sync');
    const ours = await migrate(node, settings, sandbox.process.pid ?? 0);
    execFileSync('sync');
    const { copy, check } = rcloneCost(sandbox);
    const told = ({ cpu, serverCpu }: Cost) => `${cpu.toFixed(1)} (${serverCpu.toFixed(1)})`;
    return [
      shape.name,
      ours.seconds.toFixed(2),
      `${copy.seconds.toFixed(2)} + ${check.seconds.toFixed(2)}`,
      ((copy.seconds + check.seconds) / ours.seconds).toFixed(2),
      told(ours),
      `${told(copy)} + ${told(check)}`,
      ours.peakMiB,
    ];
  } finally {
    await node.close();
    sandbox.process.kill('SIGKILL');
    await once(sandbox.process, 'exit');
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

console.log(`${describeMachine()}, ${execFileSync('rclone', ['version']).toString().split('\n')[0]}\n`);
const rows = [];
for (const shape of SHAPES) if (only === undefined || shape.name.includes(only)) rows.push(await measure(shape));
printTable(
  [
    ...['copy and proof', 'seconds', 'rclone copy + check --download', 'rclone / ours'],
    ...['CPU s of ours (of the server)', 'CPU s of rclone (of the server)', 'peak MiB of ours'],
  ],
  rows,
);
