/** Opens the data directory, says so, and adds users for ever, naming each one that was acknowledged. */
import { sql } from 'drizzle-orm';
import { openDatabase } from '@/lib/db/database.ts';

const handle = await openDatabase({ dataDir: String(process.argv[2]) });
process.stdout.write('open\n');
for (let i = 0; ; i += 1) {
  await handle.db.execute(sql`insert into longshore.users (id, name) values (${`u${i}`}, ${`u${i}`})`);
  process.stdout.write(`u${i}\n`);
}
