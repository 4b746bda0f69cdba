import { and, asc, eq, gt, inArray, ne, or, type SQL, sql } from 'drizzle-orm';
import type { Database, Executor } from '@/lib/db/database.ts';
import { adoption, adoptionProblems, type JsonObject } from '@/lib/db/schema.ts';
import { LongshoreError } from '@/lib/errors.ts';
import type { Problem, ProblemCode, ProblemKey } from '@/lib/migration/adopt/problems.ts';
import { type StoreAddress, sameStore } from '@/lib/placement/store-registry.ts';

/** A row as it was seen beside the listing. */
export interface SeenRow {
  id: string;
  storagePath: string;
  sizeBytes: number | null;
  present: boolean;
}

export interface AdoptedCounts {
  total: number;
  adopted: number;
  refused: number;
  waiting: number;
  inspected: number;
  /** Adopted, and their object is not there. */
  missing: number;
  bytes: number;
  inspectedBytes: number;
  s3Waiting: number;
}

export type AdoptionRow = typeof adoption.$inferSelect;
export type ProblemSource = 'comparison' | 'inspection';

/** What is written down about adopted rows. Every call may be repeated. */
export class AdoptionRepository {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Undefined until somebody applied an adoption here. */
  async find(): Promise<AdoptionRow | undefined> {
    const [row] = await this.#db.select().from(adoption);
    return row;
  }

  /** From now on rows that the old application inserts are taken in. @throws adoption_other_store */
  async begin(base: StoreAddress): Promise<void> {
    const { provider, endpoint, region, bucket } = base;
    await this.#db.insert(adoption).values({ provider, endpoint, region, bucket }).onConflictDoNothing();
    const row = await this.find();
    if (row === undefined || !sameStore({ ...base, ...row } as StoreAddress, base)) throw otherStore(row);
  }

  /** All rows are in. The planner learns how many at once: until it does, looking for what is unread takes minutes. */
  async finish(counts: JsonObject): Promise<void> {
    await this.#db.update(adoption).set({ comparedAt: sql`now()`, counts });
    for (const table of ['adopted_datasets', 'dataset_replicas'])
      await this.#db.execute(sql.raw(`analyze longshore.${table}`));
  }

  /** Takes rows in under their locks: what was deleted or changed since it was seen is left out. Ids by outcome. */
  async adopt(rows: readonly SeenRow[]): Promise<Map<string, string>> {
    if (rows.length === 0) return new Map();
    const seen = rows.map((row) => ({ id: row.id, path: row.storagePath, bytes: row.sizeBytes, present: row.present }));
    const { rows: taken } = await this.#db.execute<{ id: string; outcome: string }>(sql`
      with seen as (
        select * from jsonb_to_recordset(${JSON.stringify(seen)}::jsonb)
          as s(id text, path text, bytes bigint, present boolean)
      ), locked as materialized (
        select t.id::text as id, t.user_id::text as user_id, t.storage_path::text as path, t.metadata, s.bytes, s.present
        from public.training_datasets t join seen s on t.storage_path = s.path and t.id::text = s.id
        where t.deleted_at is null and t.status = 'ready' and t.object_sha256 is null
        order by t.id for update of t
      )
      select id, longshore.adopt_row(id, user_id, path, metadata, bytes, present) as outcome from locked`);
    return new Map(taken.map((row) => [row.id, row.outcome]));
  }

  async record(
    problems: readonly Problem[],
    source: ProblemSource,
    runId: string | null = null,
    executor: Executor = this.#db,
  ): Promise<void> {
    if (problems.length === 0) return;
    const values = problems.map((problem) => ({
      code: problem.code,
      objectKey: problem.object_key,
      datasetId: problem.dataset_id ?? '',
      userId: problem.user_id,
      details: problem.details,
      source,
      runId,
    }));
    const found = { details: sql`excluded.details`, runId, foundAt: sql`now()` };
    const target = [adoptionProblems.code, adoptionProblems.objectKey, adoptionProblems.datasetId];
    await executor.insert(adoptionProblems).values(values).onConflictDoUpdate({ target, set: found });
  }

  /** What a complete comparison did not find again is mended. */
  async forgetOthers(runId: string): Promise<void> {
    const stale = or(sql`${adoptionProblems.runId} is null`, ne(adoptionProblems.runId, runId));
    await this.#db.delete(adoptionProblems).where(and(eq(adoptionProblems.source, 'comparison'), stale));
  }

  async forget(
    datasetIds: readonly string[],
    codes: readonly ProblemCode[],
    executor: Executor = this.#db,
  ): Promise<void> {
    const { datasetId, code } = adoptionProblems;
    await executor.delete(adoptionProblems).where(and(inArray(datasetId, [...datasetIds]), inArray(code, [...codes])));
  }

  /** All problems on record, a page at a time. */
  async *problems(): AsyncGenerator<Problem> {
    for (let last: Problem | undefined; ; ) {
      const page = await this.problemPage(last, 1000);
      yield* page;
      last = page.at(-1);
      if (page.length < 1000) return;
    }
  }

  async problemPage(last: ProblemKey | undefined, limit: number): Promise<Problem[]> {
    const { code, objectKey, datasetId } = adoptionProblems;
    const rows = await this.#db
      .select()
      .from(adoptionProblems)
      .where(last === undefined ? undefined : afterProblem(last))
      .orderBy(asc(code), asc(objectKey), asc(datasetId))
      .limit(limit);
    return rows.map((row) => ({
      code: row.code as ProblemCode,
      object_key: row.objectKey,
      dataset_id: row.datasetId === '' ? null : row.datasetId,
      user_id: row.userId,
      details: row.details,
    }));
  }

  async problemCounts(): Promise<Record<string, number>> {
    const rows = await this.#db
      .select({ code: adoptionProblems.code, count: sql<number>`count(*)::int` })
      .from(adoptionProblems)
      .groupBy(adoptionProblems.code)
      .orderBy(asc(adoptionProblems.code));
    return Object.fromEntries(rows.map((row) => [row.code, row.count]));
  }

  async counts(): Promise<AdoptedCounts> {
    const { rows } = await this.#db.execute<Record<keyof AdoptedCounts, number>>(sql`
      select count(*)::int as total,
        count(*) filter (where a.state = 'adopted')::int as adopted,
        count(*) filter (where a.state = 'refused')::int as refused,
        count(*) filter (where a.state = 'waiting')::int as waiting,
        count(*) filter (where a.inspected_at is not null)::int as inspected,
        count(*) filter (where r.state = 'missing')::int as missing,
        coalesce(sum(r.size_bytes), 0)::float8 as bytes,
        coalesce(sum(r.size_bytes) filter (where a.inspected_at is not null), 0)::float8 as "inspectedBytes",
        count(*) filter (where a.s3_state = 'waiting')::int as "s3Waiting"
      from longshore.adopted_datasets a
      left join longshore.dataset_replicas r on r.dataset_id = a.dataset_id and r.object_key = a.storage_path
        and r.provider <> 's3'`);
    const [counts] = rows;
    if (counts === undefined) throw new Error('a count answered no row');
    return counts;
  }
}

function afterProblem({ code, object_key, dataset_id }: ProblemKey): SQL | undefined {
  const last = { code, key: object_key, id: dataset_id ?? '' };
  const { code: c, objectKey: k, datasetId: d } = adoptionProblems;
  return or(
    gt(c, last.code),
    and(eq(c, last.code), gt(k, last.key)),
    and(eq(c, last.code), eq(k, last.key), gt(d, last.id)),
  );
}

function otherStore(row: AdoptionRow | undefined): LongshoreError {
  const where = row === undefined ? 'another store' : `${row.provider} ${row.endpoint ?? ''} ${row.bucket}`;
  return new LongshoreError('adoption_other_store', `The rows here were adopted with ${where}.`, {
    hint: 'Configure SUPABASE_URL and SUPABASE_STORAGE_BUCKET as they were then.',
  });
}
