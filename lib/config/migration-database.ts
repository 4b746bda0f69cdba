import type { Config } from '@/lib/config/config.ts';
import { LongshoreError } from '@/lib/errors.ts';

/**
 * What lies in a Supabase bucket is named by the rows of that project's database. Without them a migration would see no
 * dataset, move nothing, and call it a success.
 * @throws migration_needs_database
 */
export function requireMigrationDatabase({ supabase, database }: Pick<Config, 'supabase' | 'database'>): void {
  if (supabase === undefined || database.kind === 'postgres') return;
  throw new LongshoreError(
    'migration_needs_database',
    'Supabase Storage is configured, but the rows of its database, which say what lies there, are not known.',
    {
      hint: "Set DATABASE_URL to the project's Postgres address (Project settings, Database, Connection string) and ENCRYPTION_KEY to the output of: openssl rand -hex 32",
    },
  );
}
