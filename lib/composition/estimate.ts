import type { PlacementParts } from '@/lib/composition/placement.ts';
import type { Config } from '@/lib/config/config.ts';
import type { Database } from '@/lib/db/database.ts';
import { Estimator } from '@/lib/migration/estimate/estimate.ts';
import { EstimateQueries } from '@/lib/migration/estimate/estimate-queries.ts';
import { DISK_TO_S3, SUPABASE_TO_S3 } from '@/lib/migration/estimate/prices.ts';
import { ReadProbe } from '@/lib/migration/estimate/read-probe.ts';
import type { StoreRegistry } from '@/lib/placement/store-registry.ts';

export interface EstimateGround {
  config: Pick<Config, 'supabase' | 'platformBucket'>;
  db: Database;
  registry: StoreRegistry;
  placed: Pick<PlacementParts, 'replicas'>;
}

export function composeEstimator({ config, db, registry, placed: { replicas } }: EstimateGround): Estimator {
  const queries = new EstimateQueries(db, { platformBucket: config.platformBucket?.credentials !== undefined });
  const probe = new ReadProbe({ replicas, registry, now: () => performance.now() });
  return new Estimator({ queries, probe, prices: config.supabase === undefined ? DISK_TO_S3 : SUPABASE_TO_S3 });
}
