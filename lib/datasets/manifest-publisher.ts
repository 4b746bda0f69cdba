import type { DatasetRepository } from '@/lib/datasets/dataset-repository.ts';
import { manifestJob } from '@/lib/datasets/job-types.ts';
import type { ManifestRebuilder } from '@/lib/datasets/manifest-rebuilder.ts';
import type { ManifestWriter } from '@/lib/datasets/manifest-writer.ts';
import type { JobSink } from '@/lib/placement/job-types.ts';
import { getsManifestAtOnce } from '@/lib/placement/manifest-key.ts';
import { isReadable, type Replica } from '@/lib/placement/replica.ts';
import type { ReplicaCleaner } from '@/lib/placement/replica-cleaner.ts';
import type { ReplicaRepository } from '@/lib/placement/replica-repository.ts';

/** Keeps the manifests beside the objects as the rows say. */
export class ManifestPublisher {
  readonly #datasets: DatasetRepository;
  readonly #replicas: ReplicaRepository;
  readonly #manifests: ManifestWriter;
  readonly #rebuilder: ManifestRebuilder;
  readonly #cleaner: ReplicaCleaner;
  readonly #jobs: JobSink;

  constructor(parts: {
    datasets: DatasetRepository;
    replicas: ReplicaRepository;
    manifests: ManifestWriter;
    rebuilder: ManifestRebuilder;
    cleaner: ReplicaCleaner;
    jobs: JobSink;
  }) {
    this.#datasets = parts.datasets;
    this.#replicas = parts.replicas;
    this.#manifests = parts.manifests;
    this.#rebuilder = parts.rebuilder;
    this.#cleaner = parts.cleaner;
    this.#jobs = parts.jobs;
  }

  /** After a change of words: at once on the local disk, soon elsewhere. */
  async refresh(datasetId: string): Promise<void> {
    const copies = (await this.#replicas.ofDataset(datasetId)).filter(isReadable);
    for (const replica of copies) {
      if (getsManifestAtOnce(replica.provider)) await this.#publish(replica);
      else await this.#jobs.enqueue(manifestJob(replica));
    }
  }

  /** For the job. A copy that is not there (any more) needs none. */
  async publish(replicaId: string): Promise<void> {
    const replica = await this.#replicas.find(replicaId);
    if (replica !== undefined && isReadable(replica)) await this.#publish(replica);
  }

  /** A manifest that a deletion overtook is removed again. */
  async #publish(replica: Replica): Promise<void> {
    const row = await this.#datasets.load(replica.datasetId);
    if (row === undefined || row.deletedAt !== null || row.status !== 'ready') return;
    if (!hasFacts(row) || (await this.#datasets.report(row.userId, row.id)) === undefined) return;
    await this.#manifests.writeBeside(replica, await this.#rebuilder.rebuild(row, null));
    const now = await this.#datasets.load(replica.datasetId);
    if (now === undefined || now.deletedAt !== null) await this.#cleaner.removeManifest(replica);
  }
}

/** Adopted datasets have none until they have been indexed. */
function hasFacts(row: { blockIndex: unknown; contentSha256: string | null; kind: string | null }): boolean {
  return row.blockIndex !== null && row.contentSha256 !== null && row.kind !== null;
}
