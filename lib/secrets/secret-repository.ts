import { and, desc, eq, getTableColumns, inArray, ne, sql } from 'drizzle-orm';
import type { Executor, Transaction } from '@/lib/db/database.ts';
import { secrets } from '@/lib/db/schema.ts';
import type { DoctorReport } from '@/lib/secrets/doctor/report.ts';
import type { Envelope } from '@/lib/secrets/envelope.ts';
import type { ProviderMetadataView, SecretProvider, SecretState } from '@/lib/secrets/secrets.types.ts';

type StoredRow = typeof secrets.$inferSelect;

/** A row with the JSON columns as we wrote them. */
export type SecretRow = Omit<StoredRow, 'publicMetadata' | 'testReport'> & {
  publicMetadata: ProviderMetadataView;
  testReport: DoctorReport | null;
};
export type SecretHead = Omit<SecretRow, 'ciphertext' | 'wrappedKey'>;

export interface NewVersion {
  id: string;
  userId: string;
  provider: SecretProvider;
  version: number;
  state: SecretState;
  envelope: Envelope;
  lastFour: string | null;
  publicMetadata: ProviderMetadataView;
  report: DoctorReport;
  now: Date;
}

const { ciphertext: _ciphertext, wrappedKey: _wrappedKey, ...HEAD } = getTableColumns(secrets);

/** The rows of secrets. Every statement that reads or changes one user's is bound to that user. */
export const secretRepository = {
  /** Makes changes of one user's secrets of a provider take turns, also when there is no row to lock yet. */
  async lock(tx: Transaction, userId: string, provider: SecretProvider): Promise<void> {
    const name = JSON.stringify(['longshore secret', userId, provider]);
    await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${name}, 0))`);
  },

  async findActive(executor: Executor, userId: string, provider: SecretProvider): Promise<SecretRow | undefined> {
    const active = and(eq(secrets.userId, userId), eq(secrets.provider, provider), eq(secrets.state, 'active'));
    const [row] = await executor.select().from(secrets).where(active);
    return row as SecretRow | undefined;
  },

  async findById(executor: Executor, userId: string, id: string): Promise<SecretRow | undefined> {
    const [row] = await executor
      .select()
      .from(secrets)
      .where(and(eq(secrets.userId, userId), eq(secrets.id, id)));
    return row as SecretRow | undefined;
  },

  /** Everything but the sealed content; deleted versions too; newest first. */
  async heads(executor: Executor, userId: string, provider?: SecretProvider): Promise<SecretHead[]> {
    const ofProvider = provider === undefined ? undefined : eq(secrets.provider, provider);
    const rows = await executor
      .select(HEAD)
      .from(secrets)
      .where(and(eq(secrets.userId, userId), ofProvider))
      .orderBy(secrets.provider, desc(secrets.version));
    return rows as SecretHead[];
  },

  async insert(tx: Transaction, row: NewVersion): Promise<void> {
    const { envelope, report, now, publicMetadata, ...rest } = row;
    await tx.insert(secrets).values({
      ...rest,
      ...envelope,
      publicMetadata: { ...publicMetadata },
      testReport: { ...report },
      testedAt: now,
      createdAt: now,
      updatedAt: now,
    });
  },

  async setState(tx: Transaction, userId: string, id: string, state: SecretState, now: Date): Promise<void> {
    await tx
      .update(secrets)
      .set({ state, updatedAt: now })
      .where(and(eq(secrets.userId, userId), eq(secrets.id, id)));
  },

  async noteReport(executor: Executor, userId: string, id: string, report: DoctorReport, now: Date): Promise<void> {
    await executor
      .update(secrets)
      .set({ testReport: { ...report }, testedAt: now, updatedAt: now })
      .where(and(eq(secrets.userId, userId), eq(secrets.id, id), ne(secrets.state, 'deleted')));
  },

  /** Removes the content for good. The row stays: replicas that are gone may have named it. */
  async erase(tx: Transaction, userId: string, ids: readonly string[], now: Date): Promise<void> {
    if (ids.length === 0) return;
    await tx
      .update(secrets)
      .set({ state: 'deleted', ciphertext: null, wrappedKey: null, keyId: null, testReport: null, updatedAt: now })
      .where(and(eq(secrets.userId, userId), inArray(secrets.id, [...ids])));
  },
};
