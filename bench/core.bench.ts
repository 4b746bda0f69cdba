/**
 * The ingest core alone, on one thread: scan, detect, validate, normalise, count, hash. MB of source per CPU second, for
 * canonical chat records (with and without white space, with errors) and for records that are converted. The core is
 * bundled first, as the server and the page run it.
 */
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import type { IngestCore, RecordBatch } from '@/lib/ingest/core/contract.ts';
import { type SampleKind, sampleFile } from './data.ts';
import { describeMachine, median, printTable } from './table.ts';

const MIB = 2 ** 20;
const SIZE_BYTES = 48 * MIB;
const BATCH_BYTES = MIB;
const ROUNDS = 5;
const OPTIONS = { format: 'auto', maxRecordBytes: 32 * MIB } as const;
const root = fileURLToPath(new URL('..', import.meta.url));

async function bundledCore(): Promise<IngestCore> {
  const outfile = join(tmpdir(), `longshore-core-${process.pid}.mjs`);
  await build({
    entryPoints: [join(root, 'lib/ingest/core/index.ts')],
    bundle: true,
    outfile,
    platform: 'node',
    target: 'node20.19',
    minifySyntax: true,
    format: 'esm',
    logLevel: 'error',
  });
  const module = (await import(pathToFileURL(outfile).href)) as { core: IngestCore };
  await rm(outfile);
  return module.core;
}

/** Whole lines in pieces of about one MiB, as the frame cuts them. */
function batchesOf(bytes: Uint8Array): RecordBatch[] {
  const batches: RecordBatch[] = [];
  let firstLine = 1;
  for (let from = 0; from < bytes.length; ) {
    const newline = bytes.indexOf(0x0a, Math.min(from + BATCH_BYTES, bytes.length - 1));
    const to = newline < 0 ? bytes.length : newline + 1;
    const piece = bytes.subarray(from, to);
    batches.push({ bytes: piece, framing: 'lines', firstLine, firstRecord: firstLine });
    firstLine += piece.reduce((lines, byte) => lines + (byte === 0x0a ? 1 : 0), 0);
    from = to;
  }
  return batches;
}

/** The spelling of Python's json.dumps: a space after commas and colons, everything but ASCII escaped. */
function pythonStyle(bytes: Uint8Array): Uint8Array {
  const lines = new TextDecoder().decode(bytes).trimEnd().split('\n');
  const spaced = lines.map((line) => pythonJson(JSON.parse(line)));
  return new TextEncoder().encode(`${spaced.join('\n')}\n`);
}

function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    return `{${Object.entries(value)
      .map(([key, member]) => `${JSON.stringify(key)}: ${pythonJson(member)}`)
      .join(', ')}}`;
  }
  return JSON.stringify(value).replace(
    /[\u0080-\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** A ShareGPT file of the same conversations. */
function shareGpt(bytes: Uint8Array): Uint8Array {
  const text = new TextDecoder().decode(bytes);
  const renamed = text
    .replaceAll('{"messages":[', '{"conversations":[')
    .replaceAll('{"role":"user","content":', '{"from":"human","value":')
    .replaceAll('{"role":"assistant","content":', '{"from":"gpt","value":')
    .replaceAll('{"role":"system","content":', '{"from":"system","value":');
  return new TextEncoder().encode(renamed);
}

function measure(core: IngestCore, bytes: Uint8Array): { mbPerCpuSecond: number; records: number } {
  const batches = batchesOf(bytes);
  const decided = core.decide(batches.slice(0, 2), OPTIONS);
  if (!('decision' in decided)) throw new Error(`undecided: ${decided.findings[0]?.message}`);
  const process1 = core.createBatchProcessor(decided.decision, OPTIONS);
  const speeds: number[] = [];
  let records = 0;
  for (let round = 0; round <= ROUNDS; round++) {
    const before = process.cpuUsage();
    records = 0;
    for (const batch of batches) records += process1(batch).written;
    const used = process.cpuUsage(before);
    if (round > 0) speeds.push(bytes.length / (used.user + used.system));
  }
  return { mbPerCpuSecond: median(speeds), records };
}

const sources: readonly { name: string; kind: SampleKind; change?: (bytes: Uint8Array) => Uint8Array }[] = [
  { name: 'chat, canonical', kind: 'chat' },
  { name: 'chat, as Python writes it', kind: 'chat', change: pythonStyle },
  { name: 'chat, as ShareGPT', kind: 'chat', change: shareGpt },
  { name: 'alpaca', kind: 'alpaca' },
];

const core = await bundledCore();
console.log(`${describeMachine()}\n`);
const rows: (string | number)[][] = [];
const wanted = process.argv.slice(2).filter((word) => !word.startsWith('-'));
for (const { name, kind, change } of sources) {
  if (wanted.length > 0 && !wanted.some((word) => name.includes(word))) continue;
  const file = await readFile(await sampleFile(kind, SIZE_BYTES));
  const bytes = change === undefined ? new Uint8Array(file) : change(file);
  const { mbPerCpuSecond, records } = measure(core, bytes);
  rows.push([name, records, (bytes.length / 1e6).toFixed(0), mbPerCpuSecond.toFixed(0)]);
}
printTable(['source', 'records', 'MB', 'MB per CPU second'], rows);
