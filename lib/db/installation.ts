import { eq, sql } from 'drizzle-orm';
import type { Database } from '@/lib/db/session.ts';
import type { IdGenerator } from './ids.ts';
import { installation, phases } from './schema.ts';

/** The id of this installation: made once, by whichever process is first, and the same for ever. */
export async function installationId(db: Database, newId: IdGenerator): Promise<string> {
  await db.transaction(async (tx) => {
    const made = await tx.insert(installation).values({ id: newId() }).onConflictDoNothing().returning();
    // The tables may be older than the installation: an embedded database begins as a copy of the build's.
    if (made.length > 0) await tx.update(phases).set({ enteredAt: sql`now()` }).where(eq(phases.reason, 'first start'));
  });
  const [row] = await db.select({ id: installation.id }).from(installation);
  if (row === undefined) throw new Error('the row of the installation vanished while it was read');
  return row.id;
}
