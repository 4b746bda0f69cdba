import { and, eq, isNull, sql } from 'drizzle-orm';
import type { Database, Transaction } from '@/lib/db/database.ts';
import { adoptedDatasets, datasetReplicas, datasetReports, trainingDatasets } from '@/lib/db/schema.ts';
import type { IngestPool } from '@/lib/ingest/pool/ingest-pool.ts';
import type { IngestReport, Kind } from '@/lib/ingest/types.ts';
import type { AdoptionRepository } from '@/lib/migration/adopt/adoption-repository.ts';
import { type FirstReading, readForTheFirstTime } from '@/lib/migration/adopt/first-reading.ts';
import type { Problem, ProblemCode } from '@/lib/migration/adopt/problems.ts';
import { findPlaced, isLiving, lockPlaced, type PlacedDataset } from '@/lib/placement/placed-dataset.ts';
import type { Reconciler } from '@/lib/placement/reconciler.ts';
import { isFenced, isReadable, type Replica } from '@/lib/placement/replica.ts';
import type { ReplicaRepository } from '@/lib/placement/replica-repository.ts';
import type { Sentinels } from '@/lib/placement/sentinel.ts';
import type { StoreRegistry } from '@/lib/placement/store-registry.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type { Pace } from '@/lib/streams/pace.ts';

export interface InspectorParts {
  db: Database;
  repository: AdoptionRepository;
  replicas: ReplicaRepository;
  registry: StoreRegistry;
  sentinels: Sentinels;
  reconciler: Reconciler;
  pool: IngestPool;
  /** Shared by all readings of this process. */
  pace: Pace;
}

export type Inspection = 'inspected' | 'missing' | 'known' | 'changed';

/** Codes that a reading decides: a new one replaces what an older one found. */
const READ_CODES: readonly ProblemCode[] = [
  ...(['object_missing', 'not_gzip', 'gzip_damaged', 'not_jsonl', 'unrecognised_records', 'count_differs'] as const),
  ...(['empty_object', 'size_differs'] as const),
];

/**
 * Reads datasets from before Longshore for the first time, and writes down what their bytes are. From then on they are
 * datasets like all others. The object is not changed, nor is any column that the old application filled.
 */
export class Inspector {
  readonly #parts: InspectorParts;

  constructor(parts: InspectorParts) {
    this.#parts = parts;
  }

  /** May be repeated at any time. @throws StorageError when a store cannot be asked: then nothing is concluded */
  async inspect(datasetId: string, signal?: AbortSignal): Promise<Inspection> {
    const dataset = await findPlaced(this.#parts.db, datasetId);
    if (!isLiving(dataset) || !(await this.#isUnread(datasetId))) return 'known';
    const copies = (await this.#parts.replicas.ofDataset(datasetId)).filter(isReadable);
    const read = await this.#readFirst(copies, signal);
    if (read === undefined) return 'missing';
    const written = await this.#parts.db.transaction((tx) => this.#write(tx, dataset, read));
    if (written) await this.#parts.reconciler.reconcile(datasetId);
    return written ? 'inspected' : 'changed';
  }

  async #isUnread(datasetId: string): Promise<boolean> {
    const [row] = await this.#parts.db
      .select({ inspectedAt: adoptedDatasets.inspectedAt })
      .from(adoptedDatasets)
      .where(eq(adoptedDatasets.datasetId, datasetId));
    return row !== undefined && row.inspectedAt === null;
  }

  /** The base copy before others. One that is not there is marked, and the next one is read. */
  async #readFirst(copies: readonly Replica[], signal: AbortSignal | undefined) {
    const baseFirst = [...copies].sort((a, b) => Number(a.provider === 's3') - Number(b.provider === 's3'));
    for (const replica of baseFirst) {
      const reading = await this.#read(replica, signal);
      if (reading !== undefined) return { replica, reading };
    }
    return undefined;
  }

  async #read(replica: Replica, signal: AbortSignal | undefined): Promise<FirstReading | undefined> {
    const { registry, sentinels, pool, pace } = this.#parts;
    const service = await registry.resolve(replica);
    await sentinels.ensure(service, replica.userId);
    try {
      const { body } = await service.get(replica.objectKey, { versionId: replica.versionId ?? undefined, signal });
      try {
        return await readForTheFirstTime(body, { pool, signal, onBytes: (count) => pace.pass(count) });
      } finally {
        body.destroy();
      }
    } catch (error) {
      if (!StorageError.is(error, 'not_found')) throw error;
      await sentinels.assertReadable(service, replica.userId);
      await this.#markMissing(replica);
      return undefined;
    }
  }

  async #markMissing(replica: Replica): Promise<void> {
    const facts = {
      errorCode: 'missing',
      errorMessage: 'The row names an object that is not there.',
      verifiedAt: null,
    };
    await this.#parts.replicas.move(replica, 'missing', facts).catch((error) => {
      if (!isFenced(error)) throw error;
    });
    const { objectKey: object_key, datasetId: dataset_id, userId: user_id } = replica;
    const problem: Problem = { code: 'object_missing', object_key, dataset_id, user_id, details: {} };
    await this.#parts.repository.record([problem], 'inspection');
  }

  /** False when the dataset was changed or deleted while it was read. */
  async #write(
    tx: Transaction,
    seen: PlacedDataset,
    read: { replica: Replica; reading: FirstReading },
  ): Promise<boolean> {
    const { replica, reading } = read;
    const dataset = await lockPlaced(tx, seen.id);
    if (!isLiving(dataset) || dataset.attempt !== seen.attempt) return false;
    if (dataset.objectSha256 !== null && dataset.objectSha256 !== reading.object.sha256)
      return this.#writeOther(tx, replica, reading);
    const [row] = await tx.select().from(trainingDatasets).where(eq(trainingDatasets.id, seen.id));
    if (row === undefined) return false;
    await tx.update(trainingDatasets).set(columnsFrom(row, reading)).where(eq(trainingDatasets.id, seen.id));
    await this.#writeCopies(tx, replica, reading);
    await this.#writeRecord(tx, seen, reading);
    const problems = problemsOf(row, replica.objectKey, reading);
    await this.#parts.repository.forget(seen.id, READ_CODES, tx);
    await this.#parts.repository.record(problems, 'inspection', null, tx);
    return true;
  }

  /** The copy that was read is proved by it. Others that are said to hold the same are compared with it next. */
  async #writeCopies(tx: Transaction, { id, datasetId }: Replica, { object }: FirstReading): Promise<void> {
    const facts = { objectSha256: object.sha256, sizeBytes: object.sizeBytes, updatedAt: sql`now()` };
    const unknown = and(eq(datasetReplicas.state, 'completed'), isNull(datasetReplicas.objectSha256));
    await tx
      .update(datasetReplicas)
      .set({ ...facts, verifiedAt: sql`now()` })
      .where(and(eq(datasetReplicas.id, id), unknown));
    await tx
      .update(datasetReplicas)
      .set(facts)
      .where(and(eq(datasetReplicas.datasetId, datasetId), unknown));
  }

  /** Who copied it meanwhile read other bytes: the copy that was read now is not the one that is known to be good. */
  async #writeOther(tx: Transaction, replica: Replica, { object }: FirstReading): Promise<false> {
    await tx
      .update(adoptedDatasets)
      .set({ inspectedAt: sql`now()`, inspection: { differs: object }, updatedAt: sql`now()` })
      .where(eq(adoptedDatasets.datasetId, replica.datasetId));
    const faults = { errorCode: 'corrupt', errorMessage: 'The object differs from what was copied before.' };
    await this.#parts.replicas.move(replica, 'corrupt', { verifiedAt: null, ...faults }, tx);
    return false;
  }

  async #writeRecord(tx: Transaction, { id, userId }: PlacedDataset, reading: FirstReading): Promise<void> {
    const { packing, lines, object, content, report, blockIndex } = reading;
    const inspection = { packing, lines, object, content, indexed: blockIndex !== null };
    await tx
      .update(adoptedDatasets)
      .set({ inspectedAt: sql`now()`, inspection, updatedAt: sql`now()` })
      .where(eq(adoptedDatasets.datasetId, id));
    if (report === null) return;
    const told = toldReport(report, reading);
    await tx.insert(datasetReports).values({ datasetId: id, userId, report: told }).onConflictDoNothing();
  }
}

type DatasetRow = typeof trainingDatasets.$inferSelect;

/** Own columns are written; those of the old application only where it left them empty. */
function columnsFrom(row: DatasetRow, reading: FirstReading) {
  const { object, content, blockIndex, report } = reading;
  const statistics = report?.statistics;
  return {
    objectSha256: object.sha256,
    contentSha256: content?.sha256 ?? null,
    contentSizeBytes: content?.sizeBytes ?? null,
    blockIndex,
    kind: content === null ? null : kindOf(report, content.sha256),
    fileSizeBytes: row.fileSizeBytes ?? object.sizeBytes,
    totalExamples: row.totalExamples ?? recordsOf(reading),
    avgInputLength: row.avgInputLength ?? statistics?.avg_input_length ?? null,
    avgOutputLength: row.avgOutputLength ?? statistics?.avg_output_length ?? null,
  };
}

/** Only where the records are already in the form that the kind stands for: they are handed out as they are. */
function kindOf(report: IngestReport | null, contentSha256: string): Kind | null {
  if (report === null || report.kind === null || report.records.rejected > 0) return null;
  const [format, ...others] = report.source_formats;
  const same = report.content?.sha256 === contentSha256;
  const named = others.length === 0 && (format?.format as string | undefined) === report.kind;
  return same || named ? report.kind : null;
}

function recordsOf({ content, lines }: FirstReading): number | null {
  return content === null ? null : lines;
}

function problemsOf(row: DatasetRow, objectKey: string, reading: FirstReading): Problem[] {
  const found = [...packingProblems(reading), ...contentProblems(reading), ...rowProblems(row, reading)];
  const { id: dataset_id, userId: user_id } = row;
  return found.map(([code, details]) => ({ code, object_key: objectKey, dataset_id, user_id, details }));
}

type Found = [ProblemCode, Record<string, unknown>];

function packingProblems({ packing, object }: FirstReading): Found[] {
  if (object.sizeBytes === 0) return [['empty_object', {}]];
  return packing === 'gzip' ? [] : [[packing, {}]];
}

function contentProblems({ report, lines }: FirstReading): Found[] {
  if (report === null) return [];
  const codes = Object.entries(report.counts).filter(([code]) => code.startsWith('E_'));
  const errors = Object.fromEntries(codes.map(([code, { count }]) => [code, count]));
  const details = { errors, records: lines };
  if (
    report.container.some(({ type }) => type !== 'jsonl') ||
    report.records.source === 0 ||
    codes.some(([code]) => UNREADABLE.has(code))
  )
    return [['not_jsonl', details]];
  return report.records.written === 0 ? [['unrecognised_records', details]] : [];
}

const UNREADABLE = new Set(['E_JSON_SYNTAX', 'E_UTF8', 'E_RECORD_TYPE', 'E_JSON_DEPTH']);

function rowProblems(row: DatasetRow, reading: FirstReading): Found[] {
  const found: Found[] = [];
  const records = recordsOf(reading);
  if (row.fileSizeBytes !== null && row.fileSizeBytes !== reading.object.sizeBytes)
    found.push(['size_differs', { row_bytes: row.fileSizeBytes, object_bytes: reading.object.sizeBytes }]);
  if (records !== null && row.totalExamples !== null && row.totalExamples !== records)
    found.push(['count_differs', { row_records: row.totalExamples, object_records: records }]);
  return found;
}

/** The report speaks of the object, which the checks saw unpacked. */
function toldReport(report: IngestReport, { object, content }: FirstReading): IngestReport {
  const told = ({ sizeBytes, sha256 }: { sizeBytes: number; sha256: string }) => ({ size_bytes: sizeBytes, sha256 });
  return {
    ...report,
    container: [{ type: 'gzip' }, ...report.container],
    source: { name: null, ...told(object) },
    content: content === null ? null : told(content),
    object: told(object),
  };
}
