import { tmpdir } from 'node:os';
import { ByteSource } from '@/lib/streams/byte-source.ts';
import type { BatchBuffers } from './bytes/batch-buffers.ts';
import { MeteredSource } from './bytes/metered-source.ts';
import type { ContainerContext } from './containers/container-context.ts';
import { BATCH_BYTES, type ScanLog } from './containers/framed-batch.ts';
import { readContainer } from './containers/read-container.ts';
import * as core from './core/index.ts';
import { FatalFinding } from './fatal-finding.ts';
import { IngestRun } from './ingest-run.ts';
import { CheckSink, JudgeSink } from './output/check-sink.ts';
import type { ContentSink } from './output/content-sink.ts';
import { SpoolSink } from './output/spool-sink.ts';
import type { IngestPool, PoolSession } from './pool/ingest-pool.ts';
import { ReportBuilder } from './report/report-builder.ts';
import { type IngestOptions, type IngestReport, type IngestResult, isTextFormat } from './types.ts';

export const DEFAULT_MAX_RECORD_BYTES = 32 << 20;
/** What costs least among the levels within 2 % of the size of `gzip -6` (bench/README.md). */
export const DEFAULT_GZIP_LEVEL = 5;

/**
 * Reads a file of any supported format, checks and normalises it, and leaves it compressed in `target.directory`.
 *
 * A file that cannot be accepted is no error: it resolves with `report.outcome` 'rejected', and no file is left. Neither
 * is one left when it rejects.
 *
 * @throws LongshoreError `upload_too_large`, `upload_aborted` (the source failed or the signal fired), `disk_full`,
 * `spool_write_failed`, `ingest_worker_died`, `ingest_failed`, `ingest_pool_closed`.
 */
export async function ingestToSpool(
  source: AsyncIterable<Uint8Array>,
  target: { directory: string },
  options: IngestOptions,
  pool: IngestPool,
): Promise<IngestResult> {
  const sink = await SpoolSink.create(target.directory, options.gzipLevel ?? DEFAULT_GZIP_LEVEL);
  return scan(source, sink, { temporaryDirectory: target.directory, ...options }, pool.open());
}

/**
 * The same judgement, with nothing written: `spooled` is always undefined. Formats that need random access (Parquet,
 * zip) pass through an unnamed file in `options.temporaryDirectory`.
 */
export async function checkSource(
  source: AsyncIterable<Uint8Array>,
  options: IngestOptions,
  pool: IngestPool,
): Promise<IngestResult> {
  const sink = options.hashContent === false ? new JudgeSink() : new CheckSink();
  return scan(source, sink, options, pool.open());
}

async function scan(
  source: AsyncIterable<Uint8Array>,
  sink: ContentSink,
  options: IngestOptions,
  session: PoolSession,
): Promise<IngestResult> {
  const meter = new MeteredSource(source, options);
  const bytes = new ByteSource(meter);
  const log: ScanLog = { container: [], findings: [] };
  const { buffers } = session;
  const report = new ReportBuilder(log, core, reportedOptions(options));
  const coreOptions = { format: options.format ?? 'auto', maxRecordBytes: maxRecordBytes(options), lineInfos: false };
  const onAccepted = () => options.onProgress?.({ bytesRead: meter.sizeBytes, records: report.records });
  const run = new IngestRun({ session, sink, report, buffers, core: coreOptions, onAccepted });
  try {
    await readAll(bytes, containerContext(options, log, buffers), run, report);
    return await conclude(run, sink, report, sourceFacts(meter, options));
  } catch (error) {
    await run.abort();
    throw error;
  } finally {
    session.end();
    await bytes.close();
  }
}

async function readAll(
  bytes: ByteSource,
  context: ContainerContext,
  run: IngestRun,
  report: ReportBuilder,
): Promise<void> {
  try {
    for await (const framed of readContainer(bytes, context)) {
      if (!(await run.submit(framed))) break;
    }
    await run.drain();
  } catch (error) {
    if (!(error instanceof FatalFinding)) throw error;
    await run.drain();
    if (!report.hopeless) report.fatal(error.finding);
  }
}

async function conclude(
  run: IngestRun,
  sink: ContentSink,
  report: ReportBuilder,
  source: () => IngestReport['source'],
): Promise<IngestResult> {
  const normaliserVersion = core.NORMALISER_VERSION;
  if (report.judge() === 'rejected') {
    await run.abortSink();
    const facts = { source: source(), content: null, object: null, normaliserVersion };
    return { report: report.build('rejected', facts), spooled: undefined };
  }
  const { content, spooled } = await sink.finish();
  const object = spooled === undefined ? null : { sizeBytes: spooled.objectSizeBytes, sha256: spooled.objectSha256 };
  return { report: report.build('accepted', { source: source(), content, object, normaliserVersion }), spooled };
}

function sourceFacts(meter: MeteredSource, options: IngestOptions): () => IngestReport['source'] {
  return () => {
    const { sizeBytes, sha256 } = meter.result();
    return { name: options.fileName ?? null, size_bytes: sizeBytes, sha256 };
  };
}

function containerContext(options: IngestOptions, log: ScanLog, buffers: BatchBuffers): ContainerContext {
  return {
    log,
    buffers,
    frame: { batchBytes: BATCH_BYTES, maxRecordBytes: maxRecordBytes(options) },
    fileName: options.fileName ?? '',
    text: options.format !== undefined && isTextFormat(options.format) ? options.format : undefined,
    temporaryDirectory: options.temporaryDirectory ?? tmpdir(),
  };
}

const maxRecordBytes = (options: IngestOptions) => options.maxRecordBytes ?? DEFAULT_MAX_RECORD_BYTES;

function reportedOptions(options: IngestOptions): IngestReport['options'] {
  const onError = options.onError ?? 'fail';
  return {
    format: options.format ?? 'auto',
    on_error: onError,
    max_error_ratio: onError === 'skip' ? (options.maxErrorRatio ?? 0) : 0,
  };
}
