import { and, asc, count, eq, gt, isNotNull, ne } from 'drizzle-orm';
import type { Database } from '@/lib/db/database.ts';
import { secrets } from '@/lib/db/schema.ts';
import { type Keyring, rewrapEnvelope } from '@/lib/secrets/envelope.ts';

export interface RotationProgress {
  rewrapped: number;
  /** Wrapped with a master key that is not known here: ENCRYPTION_KEYS_PREVIOUS lacks it. */
  unknown: number;
}

export interface KeyUse {
  key_id: string;
  secrets: number;
  /** current: in use. previous: waits for being re-wrapped. unknown: cannot be opened. */
  status: 'current' | 'previous' | 'unknown';
}

/**
 * Brings all secrets under the current master key. What is done is in the rows themselves, so it may be killed and
 * started again anywhere, also by several processes at once. Contents are not touched.
 */
export class MasterKeyRotation {
  private readonly db: Database;
  private readonly keyring: Keyring;
  private readonly batchSize: number;

  constructor(db: Database, keyring: Keyring, batchSize = 100) {
    this.db = db;
    this.keyring = keyring;
    this.batchSize = batchSize;
  }

  /** Which master keys the stored secrets need. A previous key may be taken away when it is not among them any more. */
  async keysInUse(): Promise<KeyUse[]> {
    const rows = await this.db
      .select({ keyId: secrets.keyId, secrets: count() })
      .from(secrets)
      .where(isNotNull(secrets.keyId))
      .groupBy(secrets.keyId)
      .orderBy(asc(secrets.keyId));
    return rows.flatMap(({ keyId, secrets: n }) =>
      keyId === null ? [] : [{ key_id: keyId, secrets: n, status: this.statusOf(keyId) }],
    );
  }

  /** True while a secret waits for being re-wrapped. */
  async isNeeded(): Promise<boolean> {
    return (await this.keysInUse()).some(({ status }) => status === 'previous');
  }

  /** Throws `secret_damaged` at a row that does not open; those before it are done. Stops between batches on abort. */
  async run(options: { signal?: AbortSignal; onProgress?: (progress: RotationProgress) => Promise<void> | void } = {}) {
    const progress: RotationProgress = { rewrapped: 0, unknown: 0 };
    let last = '';
    for (;;) {
      options.signal?.throwIfAborted();
      const rows = await this.batchAfter(last);
      if (rows.length === 0) return progress;
      for (const row of rows) progress[await this.rewrap(row)] += 1;
      last = rows.at(-1)?.id ?? last;
      await options.onProgress?.({ ...progress });
    }
  }

  private batchAfter(last: string) {
    const waiting = and(gt(secrets.id, last), isNotNull(secrets.keyId), ne(secrets.keyId, this.keyring.current.id));
    return this.db.select().from(secrets).where(waiting).orderBy(asc(secrets.id)).limit(this.batchSize);
  }

  private async rewrap(row: typeof secrets.$inferSelect): Promise<keyof RotationProgress> {
    const { id, userId, provider, version, ciphertext, wrappedKey, keyId } = row;
    if (ciphertext === null || wrappedKey === null || keyId === null || !this.keyring.has(keyId)) return 'unknown';
    const envelope = { ciphertext: Buffer.from(ciphertext), wrappedKey: Buffer.from(wrappedKey), keyId };
    const renewed = rewrapEnvelope(this.keyring, { userId, provider, version }, envelope);
    await this.db
      .update(secrets)
      .set({ wrappedKey: renewed.wrappedKey, keyId: renewed.keyId })
      // Another process may have been here, or the secret was erased.
      .where(and(eq(secrets.id, id), eq(secrets.keyId, keyId)));
    return 'rewrapped';
  }

  private statusOf(keyId: string): KeyUse['status'] {
    if (keyId === this.keyring.current.id) return 'current';
    return this.keyring.has(keyId) ? 'previous' : 'unknown';
  }
}
