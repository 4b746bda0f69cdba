import { and, desc, eq, isNull, type SQL, sql } from 'drizzle-orm';
import type { Database, Executor } from '@/lib/db/database.ts';
import { newId } from '@/lib/db/ids.ts';
import { scrubFindings, scrubMarks, scrubRuns } from '@/lib/db/schema.ts';

export type ScrubRun = typeof scrubRuns.$inferSelect;
export type ScrubFinding = typeof scrubFindings.$inferSelect;

/** What came out for one copy. `error`: its store could not be asked, nothing is known. */
export type ScrubOutcome = 'same' | 'missing' | 'corrupt' | 'error';

/** A copy that this process reads now, for as long as it renews the claim. */
export interface ScrubClaim {
  replicaId: string;
  datasetId: string;
  userId: string;
  provider: string;
  bucket: string;
  objectKey: string;
  sizeBytes: number;
  /** The shared bandwidth is free for it after this. */
  startInMs: number;
}

export interface ScrubWish {
  /** Undefined: everybody's copies. */
  userId: string | undefined;
  requestedBy: string;
  /** Copies that were read back within this time are left out. 0: none is. */
  notReadForMs: number;
  /** Copies whose store could not be asked are left out for this time. */
  retryAfterMs: number;
}

/** A claim is lost this long after its last renewal. */
const LEASE_SECONDS = 60;
const KEPT_RUNS = 50;

/** Runs of the scrub, what they found, and who reads which copy. The database's clock decides everything. */
export class ScrubRepository {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Begins a run, unless nothing is due or one of the same scope is under way: that one is returned then. */
  async begin(wish: ScrubWish): Promise<ScrubRun | undefined> {
    const open = await this.openRun(wish.userId);
    if (open !== undefined) return open;
    const user = wish.userId ?? null;
    const readBefore = before(wish.notReadForMs);
    const retryBefore = before(wish.retryAfterMs);
    const due = sql`from longshore.dataset_replicas r left join longshore.scrub_marks m on m.replica_id = r.id
      where ${isDue({ user: sql`${user}::text`, readBefore, retryBefore })}`;
    await this.#db.execute(sql`
      insert into longshore.scrub_runs (id, user_id, requested_by, read_before, retry_before, total_replicas, total_bytes)
      select ${newId()}::text, ${user}::text, ${wish.requestedBy}::text, ${readBefore}, ${retryBefore}, count(*), coalesce(sum(r.size_bytes), 0)
      ${due} having count(*) > 0
      on conflict (coalesce(user_id, '')) where finished_at is null do nothing`);
    return this.openRun(wish.userId);
  }

  async openRun(userId: string | undefined): Promise<ScrubRun | undefined> {
    const scope = userId === undefined ? isNull(scrubRuns.userId) : eq(scrubRuns.userId, userId);
    const [run] = await this.#db
      .select()
      .from(scrubRuns)
      .where(and(scope, isNull(scrubRuns.finishedAt)));
    return run;
  }

  async find(id: string): Promise<ScrubRun | undefined> {
    const [run] = await this.#db.select().from(scrubRuns).where(eq(scrubRuns.id, id));
    return run;
  }

  /** Newest first. `userId`: the runs over this user's copies alone. */
  async runs(userId: string | undefined, limit: number): Promise<ScrubRun[]> {
    const scope = userId === undefined ? undefined : eq(scrubRuns.userId, userId);
    return this.#db.select().from(scrubRuns).where(scope).orderBy(desc(scrubRuns.startedAt)).limit(limit);
  }

  /** Newest first. `userId`: about this user's copies, in whichever run. */
  async findings(userId: string | undefined, limit: number): Promise<ScrubFinding[]> {
    const scope = userId === undefined ? undefined : eq(scrubFindings.userId, userId);
    return this.#db.select().from(scrubFindings).where(scope).orderBy(desc(scrubFindings.id)).limit(limit);
  }

  /** How well copies are covered: how many there are, and how long ago the one that waits longest was read back. */
  async coverage(userId: string | undefined): Promise<{ replicas: number; unread: number; oldest: string | null }> {
    const own = userId === undefined ? sql`true` : sql`user_id = ${userId}`;
    const { rows } = await this.#db.execute<{ replicas: number; unread: number; oldest: string | null }>(sql`
      select count(*)::int as replicas, (count(*) filter (where verified_at is null))::int as unread,
             to_char(min(verified_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as oldest
      from longshore.dataset_replicas where state in ('completed', 'missing', 'corrupt') and ${own}`);
    return rows[0] ?? { replicas: 0, unread: 0, oldest: null };
  }

  /**
   * Takes the copy of the run that waits longest, and its share of the bandwidth. `busy`: others read what is left.
   * Undefined: nothing is left.
   */
  async claim(run: ScrubRun, owner: string, bytesPerSecond: number): Promise<ScrubClaim | 'busy' | undefined> {
    for (;;) {
      const candidate = await this.#next(run, true);
      if (candidate === undefined) return (await this.#next(run, false)) === undefined ? undefined : 'busy';
      const claim = await this.#db.transaction((tx) => this.#take(tx, candidate, owner, bytesPerSecond));
      if (claim !== undefined) return claim;
    }
  }

  /** False when the claim was lost. */
  async renew(replicaId: string, owner: string): Promise<boolean> {
    const rows = await this.#db
      .update(scrubMarks)
      .set({ leaseUntil: sql`now() + make_interval(secs => ${LEASE_SECONDS})` })
      .where(and(eq(scrubMarks.replicaId, replicaId), eq(scrubMarks.leaseOwner, owner)))
      .returning({ id: scrubMarks.replicaId });
    return rows.length > 0;
  }

  /** Gives a claim back, unread. */
  async letGo(replicaId: string, owner: string): Promise<void> {
    await this.#db
      .update(scrubMarks)
      .set({ leaseOwner: null, leaseUntil: null })
      .where(and(eq(scrubMarks.replicaId, replicaId), eq(scrubMarks.leaseOwner, owner)));
  }

  /** Writes down what came out, once: a claim that was lost meanwhile counts for nothing. */
  async record(
    run: ScrubRun,
    claim: ScrubClaim,
    owner: string,
    found: { outcome: ScrubOutcome; bytes: number; errorCode?: string },
  ): Promise<void> {
    await this.#db.transaction(async (tx) => {
      if (!(await this.#endClaim(tx, claim.replicaId, owner, found.outcome === 'error'))) return;
      await tx
        .update(scrubRuns)
        .set({
          checkedReplicas: sql`${scrubRuns.checkedReplicas} + 1`,
          checkedBytes: sql`${scrubRuns.checkedBytes} + ${found.bytes}`,
          ...counted(found.outcome),
        })
        .where(eq(scrubRuns.id, run.id));
      if (found.outcome === 'same') return;
      const { userId, datasetId, provider, bucket, objectKey } = claim;
      const where = { userId, datasetId, provider: provider as ScrubFinding['provider'], bucket, objectKey };
      await tx
        .insert(scrubFindings)
        .values({ ...where, runId: run.id, outcome: found.outcome, errorCode: found.errorCode ?? null });
    });
  }

  /** Ends the run when no copy of it is left, and forgets old runs and copies that are gone. True when it was this call that ended it. */
  async finish(run: ScrubRun): Promise<boolean> {
    const { rowCount } = await this.#db.execute(sql`
      update longshore.scrub_runs set finished_at = now()
      where id = ${run.id} and finished_at is null and not exists (
        select 1 from longshore.dataset_replicas r left join longshore.scrub_marks m on m.replica_id = r.id
        where ${isDue(boundsOf(run))})`);
    if ((rowCount ?? 0) === 0) return false;
    await this.#db.execute(sql`
      delete from longshore.scrub_runs where finished_at is not null and id not in (
        select id from longshore.scrub_runs order by started_at desc limit ${KEPT_RUNS})`);
    await this.#db.execute(sql`
      delete from longshore.scrub_marks m where not exists (
        select 1 from longshore.dataset_replicas r where r.id = m.replica_id)`);
    return true;
  }

  /** Good copies first, by the index on their age; then those known bad, which are few. */
  async #next(run: ScrubRun, free: boolean): Promise<string | undefined> {
    const unclaimed = free ? sql`and (m.lease_until is null or m.lease_until < now())` : sql``;
    for (const states of [sql`r.state = 'completed'`, sql`r.state in ('missing', 'corrupt')`]) {
      const { rows } = await this.#db.execute<{ id: string }>(sql`
        select r.id from longshore.dataset_replicas r left join longshore.scrub_marks m on m.replica_id = r.id
        where ${states} and ${isDue(boundsOf(run))} ${unclaimed}
        order by r.verified_at nulls first limit 1`);
      if (rows[0] !== undefined) return rows[0].id;
    }
    return undefined;
  }

  /** Undefined when another process was quicker. */
  async #take(tx: Executor, replicaId: string, owner: string, bytesPerSecond: number): Promise<ScrubClaim | undefined> {
    const { rows } = await tx.execute<Omit<ScrubClaim, 'startInMs' | 'sizeBytes'> & { sizeBytes: string | null }>(sql`
      with mark as (
        insert into longshore.scrub_marks (replica_id, lease_owner, lease_until)
        select id, ${owner}, now() + make_interval(secs => ${LEASE_SECONDS})
        from longshore.dataset_replicas where id = ${replicaId}
        on conflict (replica_id) do update set lease_owner = excluded.lease_owner, lease_until = excluded.lease_until
        where scrub_marks.lease_until is null or scrub_marks.lease_until < now()
        returning replica_id
      )
      select r.id as "replicaId", r.dataset_id as "datasetId", r.user_id as "userId", r.provider, r.bucket,
             r.object_key as "objectKey", r.size_bytes as "sizeBytes"
      from mark join longshore.dataset_replicas r on r.id = mark.replica_id`);
    const [row] = rows;
    if (row === undefined) return undefined;
    const sizeBytes = Number(row.sizeBytes ?? 0);
    return { ...row, sizeBytes, startInMs: await this.#reserve(tx, replicaId, sizeBytes / bytesPerSecond) };
  }

  /** Takes the next `seconds` of the bandwidth that nobody has taken yet, and keeps the claim until they begin. */
  async #reserve(tx: Executor, replicaId: string, seconds: number): Promise<number> {
    const { rows } = await tx.execute<{ wait: number }>(sql`
      insert into longshore.scrub_pace (free_at) values (now() + make_interval(secs => ${seconds}))
      on conflict (singleton) do update
        set free_at = greatest(scrub_pace.free_at, now()) + make_interval(secs => ${seconds})
      returning (extract(epoch from free_at - now()) - ${seconds}::float8)::float8 as wait`);
    const waitSeconds = Math.max(0, rows[0]?.wait ?? 0);
    await tx
      .update(scrubMarks)
      .set({ leaseUntil: sql`now() + make_interval(secs => ${waitSeconds + LEASE_SECONDS})` })
      .where(eq(scrubMarks.replicaId, replicaId));
    return waitSeconds * 1000;
  }

  async #endClaim(tx: Executor, replicaId: string, owner: string, failed: boolean): Promise<boolean> {
    const rows = await tx
      .update(scrubMarks)
      .set({ lookedAt: sql`now()`, failed, leaseOwner: null, leaseUntil: null })
      .where(and(eq(scrubMarks.replicaId, replicaId), eq(scrubMarks.leaseOwner, owner)))
      .returning({ id: scrubMarks.replicaId });
    return rows.length > 0;
  }
}

function before(ms: number): SQL {
  return sql`(now() - make_interval(secs => ${ms / 1000}))`;
}

interface Bounds {
  user: SQL;
  readBefore: SQL;
  retryBefore: SQL;
}

function boundsOf(run: ScrubRun): Bounds {
  const at = (date: Date) => sql`${date.toISOString()}::timestamptz`;
  return { user: sql`${run.userId}::text`, readBefore: at(run.readBefore), retryBefore: at(run.retryBefore) };
}

/** On `r`, a copy, and `m`, its mark. A copy that was written lately counts as read then: a job reads it back anyway. */
function isDue({ user, readBefore, retryBefore }: Bounds): SQL {
  return sql`r.state in ('completed', 'missing', 'corrupt')
    and (${user} is null or r.user_id = ${user})
    and r.object_sha256 is not null and coalesce(r.verified_at, r.completed_at, r.created_at) < ${readBefore}
    and (m.looked_at is null or m.looked_at < case when m.failed then ${retryBefore} else ${readBefore} end)`;
}

function counted(outcome: ScrubOutcome) {
  if (outcome === 'same') return { same: sql`${scrubRuns.same} + 1` };
  if (outcome === 'missing') return { missing: sql`${scrubRuns.missing} + 1` };
  if (outcome === 'corrupt') return { corrupt: sql`${scrubRuns.corrupt} + 1` };
  return { errors: sql`${scrubRuns.errors} + 1` };
}
