import type { PlacementParts } from '@/lib/composition/placement.ts';
import type { Config } from '@/lib/config/config.ts';
import { requireMigrationDatabase } from '@/lib/config/migration-database.ts';
import type { Database } from '@/lib/db/database.ts';
import { ItemQueries } from '@/lib/migration/runs/item-queries.ts';
import { MigrationService } from '@/lib/migration/runs/migration-service.ts';
import { Planner } from '@/lib/migration/runs/planner.ts';
import { RunRepository } from '@/lib/migration/runs/run-repository.ts';
import type { StoreRegistry } from '@/lib/placement/store-registry.ts';

export interface MigrationGround {
  config: Pick<Config, 'supabase' | 'database'>;
  db: Database;
  registry: StoreRegistry;
  placed: PlacementParts;
}

/** Everything that moves what exists. */
export type MigrationParts = ReturnType<typeof composeMigration>;

export function composeMigration({ config, db, registry, placed }: MigrationGround) {
  const runs = new RunRepository(db);
  const items = new ItemQueries(db);
  const planner = new Planner({ db, registry, replicas: placed.replicas });
  const requireDatabase = () => requireMigrationDatabase(config);
  const service = new MigrationService({ runs, items, planner, requireDatabase });
  return { runs, items, planner, service };
}
