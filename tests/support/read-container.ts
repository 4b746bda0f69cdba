import { tmpdir } from 'node:os';
import { BatchBuffers } from '@/lib/ingest/bytes/batch-buffers.ts';
import type { ScanLog } from '@/lib/ingest/containers/framed-batch.ts';
import { readContainer } from '@/lib/ingest/containers/read-container.ts';
import { FatalFinding } from '@/lib/ingest/fatal-finding.ts';
import type { TextFormat } from '@/lib/ingest/types.ts';
import { ByteSource } from '@/lib/streams/byte-source.ts';
import { inChunks } from './chunks.ts';

export interface ContainerRead {
  /** The bytes of each batch, with the numbers of its first record. */
  batches: { text: string; firstLine: number; firstRecord: number; records: number; lineStep: number | undefined }[];
  containers: string[];
  findings: { code: string; line: number | null; record: number | null }[];
  rejected: number;
  fatal: { code: string; line: number | null } | undefined;
}

export interface ReadSettings {
  name?: string;
  sizes?: readonly number[];
  batchBytes?: number;
  maxRecordBytes?: number;
  text?: TextFormat;
}

/** Runs the container readers alone over a file in memory. */
export async function readBytes(input: string | Uint8Array, settings: ReadSettings = {}): Promise<ContainerRead> {
  const bytes = typeof input === 'string' ? Buffer.from(input) : input;
  const log: ScanLog = { container: [], findings: [] };
  const context = {
    log,
    buffers: new BatchBuffers(64, 4),
    frame: { batchBytes: settings.batchBytes ?? 1000, maxRecordBytes: settings.maxRecordBytes ?? 1000 },
    fileName: settings.name ?? '',
    text: settings.text,
    temporaryDirectory: tmpdir(),
  };
  const result: ContainerRead = { batches: [], containers: [], findings: [], rejected: 0, fatal: undefined };
  try {
    const source = new ByteSource(inChunks(bytes, settings.sizes ?? [1 << 20]));
    for await (const { batch, records, rejected, findings, lineStep } of readContainer(source, context)) {
      result.rejected += rejected;
      result.findings.push(...findings.map(({ code, line, record }) => ({ code, line, record })));
      if (batch === undefined) continue;
      const { firstLine, firstRecord } = batch;
      result.batches.push({ text: Buffer.from(batch.bytes).toString(), firstLine, firstRecord, records, lineStep });
    }
  } catch (error) {
    if (!(error instanceof FatalFinding)) throw error;
    result.fatal = { code: error.finding.code, line: error.finding.line };
  }
  result.findings.push(...log.findings.map(({ code, line, record }) => ({ code, line, record })));
  result.containers = log.container.map((step) => step.type);
  return result;
}

export const codesOf = (result: ContainerRead) => result.findings.map(({ code }) => code);
export const textsOf = (result: ContainerRead) => result.batches.map(({ text }) => text);
export const totalOf = (result: ContainerRead) => result.batches.reduce((sum, { records }) => sum + records, 0);

/** The records of readers that write JSONL. */
export function recordsOf(result: ContainerRead): unknown[] {
  return textsOf(result).flatMap((text) =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
  );
}
