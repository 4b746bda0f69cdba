import { and, desc, eq, gte, like, lt } from 'drizzle-orm';
import type { Database, Executor } from '@/lib/db/database.ts';
import { auditLog } from '@/lib/db/schema.ts';
import { workContext } from '@/lib/observability/request-context.ts';

export interface AuditEntry {
  /** Whose things were touched; undefined: the installation's. */
  userId?: string;
  /** Who did it: a user id, or `system`. */
  actor: string;
  /** `area.verb`: `key.created`, `dataset.deleted`, `phase.changed`. */
  action: string;
  /** The id of what was touched. */
  subject?: string;
  /** Never a secret, a signed URL or record content. */
  details?: Record<string, unknown>;
}

export interface AuditRecord {
  id: number;
  at: Date;
  userId: string | null;
  actor: string;
  action: string;
  subject: string | null;
  requestId: string | null;
  details: Record<string, unknown> | null;
}

export interface AuditQuery {
  userId?: string;
  before?: number;
  /** What stands before the point of an action: `key`, `dataset`. */
  area?: string;
  actor?: string;
  since?: Date;
  limit: number;
}

/**
 * Who did what to whom. Written with the executor of the change it tells of, so that both are kept or neither is.
 */
export class AuditLog {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async write(entry: AuditEntry, executor: Executor = this.#db): Promise<void> {
    const requestId = workContext()?.requestId;
    await executor.insert(auditLog).values({ ...entry, requestId });
  }

  /** Entries of acts that lie a little back, each with its own time and request. */
  async writeAll(entries: readonly (AuditEntry & { at: Date; requestId?: string })[]): Promise<void> {
    if (entries.length > 0) await this.#db.insert(auditLog).values([...entries]);
  }

  /**
   * Newest first, `limit` entries with an id below `before`.
   * @param userId only what was done to this user's things; undefined: everything
   */
  async list(query: AuditQuery): Promise<AuditRecord[]> {
    const { userId, before, area, actor, since } = query;
    const wanted = and(
      userId === undefined ? undefined : eq(auditLog.userId, userId),
      before === undefined ? undefined : lt(auditLog.id, before),
      area === undefined ? undefined : like(auditLog.action, `${area}.%`),
      actor === undefined ? undefined : eq(auditLog.actor, actor),
      since === undefined ? undefined : gte(auditLog.at, since),
    );
    return this.#db.select().from(auditLog).where(wanted).orderBy(desc(auditLog.id)).limit(query.limit);
  }
}
