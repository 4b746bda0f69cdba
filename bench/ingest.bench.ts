/**
 * Ingest alone, without HTTP, database and stores: where its time goes, a check in MB per CPU second, and a spool against
 * `gzip -6` and `pigz -p 2 -6` of the same file. CPU seconds hold on a busy machine, wall seconds do not.
 */
import { execSync } from 'node:child_process';
import { createReadStream, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BatchBuffers } from '../lib/ingest/bytes/batch-buffers.ts';
import { BATCH_BYTES } from '../lib/ingest/containers/framed-batch.ts';
import { LineCutter } from '../lib/ingest/containers/lines.ts';
import type { RecordBatch } from '../lib/ingest/core/contract.ts';
import * as core from '../lib/ingest/core/index.ts';
import { checkSource, ingestToSpool } from '../lib/ingest/ingest.ts';
import { deflateBlock } from '../lib/ingest/pool/batch-work.ts';
import { IngestPool } from '../lib/ingest/pool/ingest-pool.ts';
import type { IngestResult } from '../lib/ingest/types.ts';
import { DigestMeter } from '../lib/streams/digest.ts';
import { type SampleKind, sampleFile } from './data.ts';
import { describeMachine, printTable, secondsOf } from './table.ts';

const MIB = 2 ** 20;
const SIZE_BYTES = 64 * MIB;
const CHUNK_BYTES = 64 << 10;
const OPTIONS = { format: 'auto', maxRecordBytes: 32 * MIB } as const;

interface Cost {
  cpu: number;
  wall: number;
}

async function costOf<T>(work: () => T | Promise<T>): Promise<Cost & { value: T }> {
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  const value = await work();
  const { user, system } = process.cpuUsage(cpuBefore);
  return { value, cpu: (user + system) / 1e6, wall: (performance.now() - start) / 1000 };
}

function cut(file: Buffer): RecordBatch[] {
  const cutter = new LineCutter(new BatchBuffers(BATCH_BYTES * 1.25, 0), {
    batchBytes: BATCH_BYTES,
    maxRecordBytes: OPTIONS.maxRecordBytes,
  });
  const batches: RecordBatch[] = [];
  for (let at = 0; at < file.byteLength; at += CHUNK_BYTES) {
    cutter.push(file.subarray(at, at + CHUNK_BYTES));
    batches.push(...cutter.take().flatMap(({ batch }) => batch ?? []));
  }
  return batches;
}

function hash(file: Buffer): void {
  const meter = new DigestMeter();
  for (let at = 0; at < file.byteLength; at += CHUNK_BYTES) meter.update(file.subarray(at, at + CHUNK_BYTES));
}

/** The steps one after the other in one thread: the profile of ingest. */
async function measureSteps(kind: SampleKind): Promise<(string | number)[][]> {
  const file = readFileSync(await sampleFile(kind, SIZE_BYTES));
  const cutting = await costOf(() => cut(file));
  const batches = cutting.value;
  const hashing = await costOf(() => hash(file));
  const outcome = core.decide(batches.slice(0, 2), OPTIONS);
  if (!('decision' in outcome)) throw new Error('the benchmark file is not recognised');
  const process = core.createBatchProcessor(outcome.decision, OPTIONS);
  for (const batch of batches.slice(0, 10)) process(batch);
  const judging = await costOf(() => batches.map((batch) => process(batch).content.slice()));
  const deflating = await costOf(() => judging.value.map((content) => deflateBlock(content, 5).byteLength));
  const steps = {
    'cut into batches': cutting,
    'one SHA-256': hashing,
    'core: judge and normalise': judging,
    deflate: deflating,
  };
  return Object.entries(steps).map(([name, { cpu }]) => [kind, name, Math.round(file.byteLength / MIB / cpu)]);
}

async function measureWhole(kind: SampleKind, pool: IngestPool): Promise<(string | number)[]> {
  const path = await sampleFile(kind, SIZE_BYTES);
  const directory = await mkdtemp(join(tmpdir(), 'longshore-bench-ingest-'));
  try {
    const source = () => createReadStream(path, { highWaterMark: CHUNK_BYTES });
    await checkSource(source(), {}, pool);
    const check = await costOf<IngestResult>(() => checkSource(source(), {}, pool));
    const spool = await costOf<IngestResult>(() => ingestToSpool(source(), { directory }, {}, pool));
    const object = spool.value.spooled?.path;
    const gzipBytes = Number(execSync(`zcat ${object} | gzip -6 -c | wc -c`).toString());
    return [
      kind,
      Math.round(SIZE_BYTES / MIB / check.cpu),
      spool.cpu.toFixed(2),
      (spool.wall / secondsOf(`gzip -6 -c ${path}`)).toFixed(2),
      (spool.wall / secondsOf(`pigz -p 2 -6 -c ${path}`)).toFixed(2),
      ((spool.value.spooled?.objectSizeBytes ?? 0) / gzipBytes).toFixed(3),
      Math.round(process.resourceUsage().maxRSS / 1024),
    ];
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

console.log(`${describeMachine()}, ${SIZE_BYTES / MIB} MiB a file\n`);
const pool = new IngestPool();
const whole = [await measureWhole('chat', pool), await measureWhole('alpaca', pool)];
await pool.close();
printTable(
  [
    'file',
    'check, MB per CPU second',
    'spool, CPU s',
    'spool / gzip -6',
    '/ pigz -p 2 -6',
    'size / gzip -6',
    'peak RSS, MiB',
  ],
  whole,
);
console.log();
printTable(
  ['file', 'step, in one thread', 'MB per CPU second'],
  [...(await measureSteps('chat')), ...(await measureSteps('alpaca'))],
);
