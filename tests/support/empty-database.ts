import { sql } from 'drizzle-orm';
import type { Database } from '@/lib/db/database.ts';

/** As after the first start: no rows but the first phase. Deletes: to truncate makes every table's files anew. */
export async function removeAllRows(db: Database): Promise<void> {
  const { rows } = await db.execute<{ name: string }>(sql`
    select format('%I.%I', schemaname, tablename) as name from pg_tables
    where schemaname = 'longshore' and tablename <> 'schema_migrations'
       or schemaname = 'public' and tablename = 'training_datasets'`);
  const deletes = rows.map(({ name }) => `delete from ${name};`).join('\n');
  await db.transaction(async (tx) => {
    await tx.execute(sql`set local session_replication_role = replica`);
    await tx.execute(sql.raw(deletes));
    await tx.execute(sql`
      with first as (
        insert into longshore.phases (phase, actor, reason) values ('base_only', 'installation', 'first start')
        returning id
      )
      insert into longshore.current_phase (phase_id) select id from first`);
  });
}
