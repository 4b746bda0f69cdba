import type { Database } from '@/lib/db/database.ts';
import type { IdGenerator } from '@/lib/db/ids.ts';
import type { AdoptionRepository, SeenRow } from '@/lib/migration/adopt/adoption-repository.ts';
import { type Compared, compare, type ListedObject } from '@/lib/migration/adopt/compare.ts';
import { pathFault } from '@/lib/migration/adopt/legacy-path.ts';
import { type LegacyRow, legacyRows } from '@/lib/migration/adopt/legacy-rows.ts';
import type { Problem, ProblemCode } from '@/lib/migration/adopt/problems.ts';
import { requireAdoptable, type TableFacts, type TableFinding, tableFacts } from '@/lib/migration/adopt/table-facts.ts';
import { unexplained } from '@/lib/migration/adopt/unnamed-objects.ts';
import { addressOf } from '@/lib/placement/store-registry.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';

/** What a comparison of all rows with all objects found, as the API says it. */
export interface AdoptionSummary {
  applied: boolean;
  store: { provider: string; endpoint: string | null; bucket: string };
  /** All rows, and those whose content Longshore does not know yet. */
  rows: number;
  legacy_rows: number;
  objects: number;
  bytes: number;
  /** Legacy rows whose path is believed. */
  adoptable: number;
  refused: number;
  missing: number;
  /** Copies in S3 that metadata names. */
  s3_copies: number;
  problems: Record<string, number>;
  table: TableFinding[];
}

export interface AdoptionRunOptions {
  signal?: AbortSignal;
  /** Called for each problem, as it is found. */
  onProblem?: (problem: Problem) => void | Promise<void>;
  onProgress?: (done: { rows: number; objects: number }) => void;
}

export interface AdoptionParts {
  db: Database;
  repository: AdoptionRepository;
  /** Where the paths of the old application lie. */
  base: StorageService;
  newId: IdGenerator;
  now: () => Date;
}

const BATCH = 500;
const STATS_AT_ONCE = 8;

/** Compares the rows of an old application with its bucket, and takes them in. Never changes a column or an object. */
export class Adoption {
  readonly #parts: AdoptionParts;

  constructor(parts: AdoptionParts) {
    this.#parts = parts;
  }

  /** Only looks: works on a database that has nothing of Longshore in it. */
  async plan(options: AdoptionRunOptions = {}): Promise<AdoptionSummary> {
    const facts = await tableFacts(this.#parts.db);
    return this.#run(facts, undefined, options);
  }

  /**
   * Takes every believable row in, a batch at a time. Stopped anywhere it may be run again, and goes on: what is taken in
   * stays as it is. The database MUST be migrated.
   * @throws adoption_blocked, adoption_other_store, StorageError
   */
  async apply(options: AdoptionRunOptions = {}): Promise<AdoptionSummary> {
    const { db, repository, base, newId } = this.#parts;
    const facts = await tableFacts(db);
    requireAdoptable(facts);
    await repository.begin(addressOf(base, null));
    const runId = newId();
    const summary = await this.#run(facts, runId, options);
    await repository.forgetOthers(runId);
    await repository.finish({ ...summary, table: undefined });
    return summary;
  }

  async #run(facts: TableFacts, runId: string | undefined, options: AdoptionRunOptions): Promise<AdoptionSummary> {
    const summary = emptySummary(this.#parts.base, facts, runId !== undefined);
    if (!facts.exists) return summary;
    const rows = legacyRows(this.#parts.db, facts.migrated);
    const objects = counted(listing(this.#parts.base, options.signal), summary);
    for await (const batch of batches(compare(rows, objects))) {
      options.signal?.throwIfAborted();
      await this.#take(batch, { facts, runId, summary, options });
      options.onProgress?.({ rows: summary.rows, objects: summary.objects });
    }
    return summary;
  }

  async #take(batch: readonly Compared[], run: Run): Promise<void> {
    const { repository, db, now } = this.#parts;
    const rows = batch.filter((item) => item.kind === 'row');
    const judged = await inGroups(rows, STATS_AT_ONCE, (item) => this.#judge(item, run.options.signal));
    const unnamed = batch.flatMap((item) => (item.kind === 'object' ? [item.object] : []));
    const odd = await unexplained(db, unnamed, { migrated: run.facts.migrated, now: now() });
    const problems = [...judged.flatMap((one) => one.problems), ...odd.map(withoutRow)];
    if (run.runId !== undefined) {
      await repository.adopt(judged.flatMap((one) => one.seen ?? []));
      await repository.record(problems.filter(isOfComparison), 'comparison', run.runId);
    }
    count(run.summary, judged, problems);
    for (const problem of problems) await run.options.onProblem?.(problem);
  }

  /** A listing is old by the time it is read: that an object is not there is believed when it is asked for by name. */
  async #judge(item: Compared & { kind: 'row' }, signal: AbortSignal | undefined): Promise<Judged> {
    const { row } = item;
    if (!row.legacy) return { row, seen: undefined, problems: [], fault: false };
    const fault = pathFault(row) ?? (item.duplicate ? 'duplicate_path' : undefined);
    if (fault !== undefined)
      return { row, seen: seenAs(row, item.object), problems: [problemOf(fault, row)], fault: true };
    const object = item.object ?? (await statOf(this.#parts.base, row.storagePath, signal));
    return { row, seen: seenAs(row, object), problems: objectProblems(row, object), fault: false };
  }
}

interface Run {
  facts: TableFacts;
  /** Undefined for a plan. */
  runId: string | undefined;
  summary: AdoptionSummary;
  options: AdoptionRunOptions;
}

interface Judged {
  row: LegacyRow;
  seen: SeenRow | undefined;
  problems: Problem[];
  /** Its path is not believed. */
  fault: boolean;
}

type Sized = Pick<ListedObject, 'sizeBytes'>;

function seenAs(row: LegacyRow, object: Sized | undefined): SeenRow {
  const { id, storagePath } = row;
  return { id, storagePath, sizeBytes: object?.sizeBytes ?? null, present: object !== undefined };
}

function objectProblems(row: LegacyRow, object: Sized | undefined): Problem[] {
  if (object === undefined) return [problemOf('object_missing', row)];
  if (object.sizeBytes === 0) return [problemOf('empty_object', row)];
  if (row.sizeBytes === null || row.sizeBytes === object.sizeBytes) return [];
  return [problemOf('size_differs', row, { row_bytes: row.sizeBytes, object_bytes: object.sizeBytes })];
}

function problemOf(code: ProblemCode, row: LegacyRow, details: Record<string, unknown> = {}): Problem {
  return { code, object_key: row.storagePath, dataset_id: row.id, user_id: row.userId, details };
}

function withoutRow({ key, sizeBytes }: ListedObject): Problem {
  return {
    code: 'object_without_row',
    object_key: key,
    dataset_id: null,
    user_id: null,
    details: { bytes: sizeBytes },
  };
}

/** The others are written down with the row itself. */
function isOfComparison({ code }: Problem): boolean {
  return ['object_missing', 'object_without_row', 'size_differs', 'empty_object'].includes(code);
}

function count(summary: AdoptionSummary, judged: readonly Judged[], problems: readonly Problem[]): void {
  for (const { row, seen, fault } of judged) {
    summary.rows += 1;
    if (seen === undefined) continue;
    summary.legacy_rows += 1;
    if (fault) summary.refused += 1;
    else summary.adoptable += 1;
    if (!fault && !seen.present) summary.missing += 1;
    if (row.s3StoragePath !== null) summary.s3_copies += 1;
  }
  for (const { code } of problems) summary.problems[code] = (summary.problems[code] ?? 0) + 1;
}

function emptySummary(base: StorageService, facts: TableFacts, applied: boolean): AdoptionSummary {
  const { provider, bucket, endpoint = null } = base;
  const zero = { rows: 0, legacy_rows: 0, objects: 0, bytes: 0, adoptable: 0, refused: 0, missing: 0, s3_copies: 0 };
  return { applied, store: { provider, endpoint, bucket }, ...zero, problems: {}, table: facts.findings };
}

async function* listing(store: StorageService, signal: AbortSignal | undefined): AsyncGenerator<ListedObject> {
  for (let cursor: string | undefined; ; ) {
    const page = await store.list('', { cursor, signal });
    yield* page.objects;
    cursor = page.nextCursor;
    if (cursor === undefined) return;
  }
}

async function* counted(objects: AsyncIterable<ListedObject>, summary: AdoptionSummary): AsyncGenerator<ListedObject> {
  for await (const object of objects) {
    summary.objects += 1;
    summary.bytes += object.sizeBytes;
    yield object;
  }
}

async function* batches(items: AsyncIterable<Compared>): AsyncGenerator<Compared[]> {
  let batch: Compared[] = [];
  for await (const item of items) {
    batch.push(item);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

async function inGroups<T, R>(items: readonly T[], size: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += size) {
    results.push(...(await Promise.all(items.slice(at, at + size).map(work))));
  }
  return results;
}

async function statOf(store: StorageService, key: string, signal: AbortSignal | undefined): Promise<Sized | undefined> {
  return store.stat(key, { signal }).catch((error) => {
    if (StorageError.is(error, 'not_found')) return undefined;
    throw error;
  });
}
