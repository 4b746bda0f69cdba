import type { PlacementGround, PlacementParts } from '@/lib/composition/placement.ts';
import { DatasetCreator } from '@/lib/datasets/dataset-creator.ts';
import { DatasetFinisher } from '@/lib/datasets/dataset-finisher.ts';
import { DatasetRemover } from '@/lib/datasets/dataset-remover.ts';
import { DatasetRepository } from '@/lib/datasets/dataset-repository.ts';
import { IdempotencyRepository } from '@/lib/datasets/idempotency-repository.ts';
import { Janitor } from '@/lib/datasets/janitor.ts';
import { LeaseKeeper } from '@/lib/datasets/lease-keeper.ts';
import { ManifestFiles } from '@/lib/datasets/manifest-files.ts';
import { ManifestRebuilder } from '@/lib/datasets/manifest-rebuilder.ts';
import { ManifestReconciler } from '@/lib/datasets/manifest-reconciler.ts';
import { ManifestWriter } from '@/lib/datasets/manifest-writer.ts';
import { UploadRepository } from '@/lib/datasets/uploads/upload-repository.ts';
import { type IdGenerator, newId } from '@/lib/db/ids.ts';
import type { Logger } from '@/lib/observability/logger.ts';

export interface DatasetsGround extends PlacementGround {
  log: Logger;
  rules: { requiredCopies: number; waitMs: number };
  newId?: IdGenerator;
  now?: () => Date;
}

/** Everything that makes, keeps and ends datasets. */
export type DatasetParts = ReturnType<typeof composeDatasets>;

export function composeDatasets(ground: DatasetsGround, placed: PlacementParts) {
  const { db, directory, registry, keys, installationId, log, jobs, rules } = ground;
  const { replicas, spools, keeper, placement, reconciler, deleter, cleaner, tombstones, writer } = placed;
  const now = ground.now ?? (() => new Date());
  const onLeaseError = (error: unknown) => log.warn({ err: error }, 'a lease could not be renewed');

  const datasets = new DatasetRepository(db);
  const idempotency = new IdempotencyRepository(db, directory);
  const uploads = new UploadRepository(db, directory);
  const files = new ManifestFiles(directory.manifestFolder, keys);
  const manifests = new ManifestWriter({ files, registry, keys });
  const rebuilder = new ManifestRebuilder({ datasets, replicas, idempotency, uploads, installationId });
  const leases = new LeaseKeeper(spools, onLeaseError);
  const removed = { db, datasets, replicas, deleter, cleaner, spools: keeper, files, idempotency, uploads, jobs };
  const remover = new DatasetRemover(removed);
  const stored = { datasets, replicas, writer, manifests, placement, reconciler, idempotency, uploads, rules };
  const finisher = new DatasetFinisher(stored);
  const creator = new DatasetCreator({
    ...{ db, datasets, replicas, spools, directory, files, idempotency, uploads, leases, placement },
    ...{ finisher, remover, installationId, newId: ground.newId ?? newId, now },
  });
  const janitor = new Janitor({
    ...{ db, datasets, spools, keeper, directory, leases, manifests: rebuilder, finisher, remover, reconciler },
    ...{ log, now },
  });
  const reconcilerOfManifests = new ManifestReconciler({
    ...{ db, datasets, replicas, spools, keeper, idempotency, uploads, tombstones, remover, files, registry },
    ...{ keys, installationId, log },
  });
  return {
    ...{ datasets, idempotency, uploads, files, manifests, rebuilder, leases, remover, finisher, creator, janitor },
    manifestReconciler: reconcilerOfManifests,
  };
}
