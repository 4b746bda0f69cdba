import { and, eq } from 'drizzle-orm';
import { keyReused } from '@/lib/datasets/idempotency-repository.ts';
import type { Database, Transaction } from '@/lib/db/database.ts';
import { idempotencyKeys } from '@/lib/db/schema.ts';
import { LongshoreError } from '@/lib/errors.ts';

/** The name that a client gave its request, and a hash of what it asked for. */
export interface RequestKey {
  key: string;
  requestSha256: string;
}

const K = idempotencyKeys;

/** Which job a request has made already, so that a repeated one rents no second machine. */
export class JobKeys {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** The id of the job that an earlier request with this key has made. @throws idempotency_key_reused */
  async find(userId: string, { key, requestSha256 }: RequestKey): Promise<string | undefined> {
    const [row] = await this.#db
      .select()
      .from(K)
      .where(and(eq(K.userId, userId), eq(K.key, rowKey(key))));
    if (row === undefined) return undefined;
    if (row.requestSha256 !== requestSha256) throw keyReused();
    return String(row.response?.job_id);
  }

  /** In the transaction that makes the job. @throws idempotency_in_progress where another request was first just now */
  async bind(tx: Transaction, userId: string, jobId: string, { key, requestSha256 }: RequestKey): Promise<void> {
    const made = await tx
      .insert(K)
      .values({ userId, key: rowKey(key), requestSha256, statusCode: 201, response: { job_id: jobId } })
      .onConflictDoNothing()
      .returning({ key: K.key });
    if (made.length > 0) return;
    throw new LongshoreError('idempotency_in_progress', 'A request with this Idempotency-Key is being worked on.', {
      hint: 'Send the same request again: you get the job of the first.',
      details: { retry_after_seconds: 2 },
    });
  }
}

/** Keys of uploads hold no space: the same word may name one of each. */
function rowKey(key: string): string {
  return `job ${key}`;
}
