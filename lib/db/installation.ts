import type { Database } from '@/lib/db/session.ts';
import type { IdGenerator } from './ids.ts';
import { installation } from './schema.ts';

/** The id of this installation: made once, by whichever process is first, and the same for ever. */
export async function installationId(db: Database, newId: IdGenerator): Promise<string> {
  await db.insert(installation).values({ id: newId() }).onConflictDoNothing();
  const [row] = await db.select({ id: installation.id }).from(installation);
  if (row === undefined) throw new Error('the row of the installation vanished while it was read');
  return row.id;
}
