import type { Database } from './database.ts';
import { newId } from './ids.ts';
import { installation } from './schema.ts';

/** The id of this installation, made with its first start. Objects and spool directories carry it. */
export async function installationId(db: Database): Promise<string> {
  await db.insert(installation).values({ id: newId() }).onConflictDoNothing();
  const [row] = await db.select({ id: installation.id }).from(installation);
  if (row === undefined) throw new Error('the installation row is missing');
  return row.id;
}
