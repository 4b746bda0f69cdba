import { asc, eq, inArray, sql } from 'drizzle-orm';
import type { Database, Transaction } from '@/lib/db/database.ts';
import { adoptedDatasets, datasetReports, trainingDatasets } from '@/lib/db/schema.ts';
import type { AdoptionRepository } from '@/lib/migration/adopt/adoption-repository.ts';
import type { FirstReading } from '@/lib/migration/adopt/first-reading.ts';
import type { ProblemCode } from '@/lib/migration/adopt/problems.ts';
import { columnsFrom, problemsOf, toldReport } from '@/lib/migration/adopt/reading-findings.ts';
import { isLiving, type PlacedDataset } from '@/lib/placement/placed-dataset.ts';
import { isFenced, type Replica } from '@/lib/placement/replica.ts';
import type { ReplicaRepository } from '@/lib/placement/replica-repository.ts';

/** A copy that was read to its end, and its dataset as it was before. */
export interface ReadCopy {
  seen: PlacedDataset;
  replica: Replica;
  reading: FirstReading;
}

type DatasetRow = typeof trainingDatasets.$inferSelect;
type FoundCopy = ReadCopy & { row: DatasetRow };

/** Codes that a reading decides: a new one replaces what an older one found. */
const READ_CODES: readonly ProblemCode[] = [
  ...(['object_missing', 'not_gzip', 'gzip_damaged', 'not_jsonl', 'unrecognised_records', 'count_differs'] as const),
  ...(['empty_object', 'size_differs'] as const),
];

/**
 * Writes down what first readings found, many in one transaction. The datasets' rows are locked in the order of their
 * ids, as everybody does who locks several.
 */
export class ReadingWriter {
  readonly #db: Database;
  readonly #repository: AdoptionRepository;
  readonly #replicas: ReplicaRepository;

  constructor(parts: { db: Database; repository: AdoptionRepository; replicas: ReplicaRepository }) {
    this.#db = parts.db;
    this.#repository = parts.repository;
    this.#replicas = parts.replicas;
  }

  /** For each, in their order, false when its dataset was changed or deleted while it was read. */
  async write(read: readonly ReadCopy[]): Promise<boolean[]> {
    return this.#db.transaction(async (tx) => {
      const rows = await this.#lock(tx, read);
      const found = read.flatMap((copy) => {
        const row = rows.get(copy.seen.id);
        return isLiving(row) && row.attempt === copy.seen.attempt ? { ...copy, row } : [];
      });
      const same = found.filter(
        ({ row, reading }) => (row.objectSha256 ?? reading.object.sha256) === reading.object.sha256,
      );
      for (const other of found) if (!same.includes(other)) await this.#writeOther(tx, other);
      if (same.length > 0) await this.#writeAll(tx, same);
      const written = new Set(same.map(({ seen }) => seen.id));
      return read.map(({ seen }) => written.has(seen.id));
    });
  }

  async #lock(tx: Transaction, read: readonly ReadCopy[]): Promise<Map<string, DatasetRow>> {
    const ids = read.map(({ seen }) => seen.id);
    const T = trainingDatasets;
    const rows = await tx.select().from(T).where(inArray(T.id, ids)).orderBy(asc(T.id)).for('update');
    return new Map(rows.map((row) => [row.id, row]));
  }

  async #writeAll(tx: Transaction, found: readonly FoundCopy[]): Promise<void> {
    const ids = found.map(({ seen }) => seen.id);
    await this.#writeRows(tx, found);
    await this.#writeCopies(tx, found);
    await this.#writeRecords(tx, found);
    await this.#writeReports(tx, found);
    await this.#repository.forget(ids, READ_CODES, tx);
    const problems = found.flatMap(({ row, replica, reading }) => problemsOf(row, replica.objectKey, reading));
    await this.#repository.record(problems, 'inspection', null, tx);
  }

  /** Own columns are written; those of the old application only where it left them empty. */
  async #writeRows(tx: Transaction, found: readonly FoundCopy[]): Promise<void> {
    const facts = found.map(({ seen, reading }) => ({ id: seen.id, ...columnsFrom(reading) }));
    await tx.execute(sql`
      update public.training_datasets t set
        object_sha256 = f."objectSha256", content_sha256 = f."contentSha256", content_size_bytes = f."contentSizeBytes",
        block_index = f."blockIndex", kind = f.kind,
        file_size_bytes = coalesce(t.file_size_bytes, f."fileSizeBytes"),
        total_examples = coalesce(t.total_examples, f."totalExamples"),
        avg_input_length = coalesce(t.avg_input_length, f."avgInputLength"),
        avg_output_length = coalesce(t.avg_output_length, f."avgOutputLength")
      from jsonb_to_recordset(${JSON.stringify(facts)}::jsonb)
        as f (id text, "objectSha256" text, "contentSha256" text, "contentSizeBytes" bigint, "blockIndex" jsonb, kind text,
              "fileSizeBytes" bigint, "totalExamples" integer, "avgInputLength" real, "avgOutputLength" real)
      where t.id::text = f.id and t.id in ${facts.map((fact) => fact.id)}`);
  }

  /** The copy that was read is proved by it. Others that are said to hold the same are compared with it next. */
  async #writeCopies(tx: Transaction, found: readonly FoundCopy[]): Promise<void> {
    const facts = found.map(({ replica: { id, datasetId }, reading: { object } }) => ({ id, datasetId, ...object }));
    await tx.execute(sql`
      update longshore.dataset_replicas r set
        object_sha256 = f.sha256, size_bytes = f."sizeBytes", updated_at = now(),
        verified_at = case when r.id = f.id then now() else r.verified_at end
      from jsonb_to_recordset(${JSON.stringify(facts)}::jsonb)
        as f (id text, "datasetId" text, sha256 text, "sizeBytes" bigint)
      where r.dataset_id = f."datasetId" and r.state = 'completed' and r.object_sha256 is null`);
  }

  async #writeRecords(tx: Transaction, found: readonly FoundCopy[]): Promise<void> {
    const facts = found.map(({ seen, reading: { packing, lines, object, content, blockIndex } }) => {
      return { id: seen.id, inspection: { packing, lines, object, content, indexed: blockIndex !== null } };
    });
    await tx.execute(sql`
      update longshore.adopted_datasets a set inspected_at = now(), inspection = f.inspection, updated_at = now()
      from jsonb_to_recordset(${JSON.stringify(facts)}::jsonb) as f (id text, inspection jsonb)
      where a.dataset_id = f.id`);
  }

  async #writeReports(tx: Transaction, found: readonly FoundCopy[]): Promise<void> {
    const reports = found.flatMap(({ seen: { id: datasetId, userId }, reading }) => {
      return reading.report === null ? [] : { datasetId, userId, report: toldReport(reading.report, reading) };
    });
    if (reports.length > 0) await tx.insert(datasetReports).values(reports).onConflictDoNothing();
  }

  /**
   * Who copied it meanwhile read other bytes: the copy that was read now is not the one that is known to be good. One that
   * somebody has moved since is left to the next reading.
   */
  async #writeOther(tx: Transaction, { replica, reading: { object } }: ReadCopy): Promise<void> {
    const faults = { errorCode: 'corrupt', errorMessage: 'The object differs from what was copied before.' };
    try {
      await this.#replicas.move(replica, 'corrupt', { verifiedAt: null, ...faults }, tx);
    } catch (error) {
      if (isFenced(error)) return;
      throw error;
    }
    await tx
      .update(adoptedDatasets)
      .set({ inspectedAt: sql`now()`, inspection: { differs: object }, updatedAt: sql`now()` })
      .where(eq(adoptedDatasets.datasetId, replica.datasetId));
  }
}
