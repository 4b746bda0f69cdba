import type { AuditLog } from '@/lib/accounts/audit-log.ts';
import type { PlacementGround, PlacementParts } from '@/lib/composition/placement.ts';
import type { ManifestFiles } from '@/lib/datasets/manifest-files.ts';
import { KnownObjects } from '@/lib/datasets/orphans/known-objects.ts';
import { OrphanFinder } from '@/lib/datasets/orphans/orphan-finder.ts';
import { OrphanService } from '@/lib/datasets/orphans/orphan-service.ts';
import { StoreInventory } from '@/lib/placement/store-inventory.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';

export interface OrphansGround
  extends Pick<PlacementGround, 'db' | 'registry' | 'keys' | 'installationId' | 'longestRequestMs'> {
  /** The installation's own stores. */
  own: () => readonly StorageService[];
  files: Pick<ManifestFiles, 'isBuried'>;
  audit: Pick<AuditLog, 'write'>;
  now?: () => Date;
}

/** Finds what lies in the stores and is nobody's. */
export function composeOrphans(ground: OrphansGround, placed: PlacementParts): OrphanService {
  const { db, registry, own, keys, installationId, files, audit } = ground;
  const { replicas, reconciler } = placed;
  const known = new KnownObjects(db);
  const finder = new OrphanFinder({
    ...{ known, keys, installationId, graceMs: ground.longestRequestMs },
    now: ground.now ?? (() => new Date()),
    isBuried: (id) => files.isBuried(id),
  });
  const inventory = new StoreInventory({ db, registry, own });
  return new OrphanService({ db, inventory, finder, known, replicas, reconciler, audit });
}
