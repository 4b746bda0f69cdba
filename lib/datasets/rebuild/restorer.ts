import type { DatasetRepository, NewDataset } from '@/lib/datasets/dataset-repository.ts';
import type { Database } from '@/lib/db/database.ts';
import type { IngestReport } from '@/lib/ingest/types.ts';
import { lockPlaced } from '@/lib/placement/placed-dataset.ts';
import type { ReplicaRepository } from '@/lib/placement/replica-repository.ts';
import { writeStorageView } from '@/lib/placement/storage-view.ts';
import type { StorePlace } from '@/lib/placement/store-inventory.ts';
import type { DatasetKey } from '@/lib/storage/object-key.ts';
import type { ObjectStat } from '@/lib/storage/storage-service.ts';

/** An object that has proved by its signature whose it is. */
export interface ProvedObject {
  place: StorePlace;
  key: DatasetKey;
  stat: ObjectStat;
  objectSha256: string;
}

/** Writes rows that were lost. Bytes are proved by the re-reads that follow: no copy counts as verified. */
export class Restorer {
  readonly #db: Database;
  readonly #datasets: DatasetRepository;
  readonly #replicas: ReplicaRepository;

  constructor(parts: { db: Database; datasets: DatasetRepository; replicas: ReplicaRepository }) {
    this.#db = parts.db;
    this.#datasets = parts.datasets;
    this.#replicas = parts.replicas;
  }

  /** Row, report and copies of a dataset, all or none of it. */
  async dataset(row: NewDataset, report: IngestReport, copies: readonly ProvedObject[]): Promise<void> {
    await this.#db.transaction(async (tx) => {
      await this.#datasets.insert(tx, row, report);
      await this.#replicas.restore(tx, copies.map(restored));
      await writeStorageView(tx, row.id, await this.#replicas.ofDataset(row.id, tx));
    });
  }

  /** One more copy of a dataset that is there. */
  async copy(copy: ProvedObject): Promise<void> {
    const { datasetId } = copy.key;
    await this.#db.transaction(async (tx) => {
      await lockPlaced(tx, datasetId);
      await this.#replicas.restore(tx, [restored(copy)]);
      await writeStorageView(tx, datasetId, await this.#replicas.ofDataset(datasetId, tx));
    });
  }
}

function restored({ place, key, stat, objectSha256 }: ProvedObject) {
  return {
    ...place.address,
    ...{ userId: key.userId, datasetId: key.datasetId, objectKey: stat.key, generation: key.generation },
    versionId: stat.versionId ?? null,
    stored: { sizeBytes: stat.sizeBytes, objectSha256 },
  };
}
