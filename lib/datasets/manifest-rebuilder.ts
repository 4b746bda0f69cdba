import type { DatasetRow } from '@/lib/datasets/dataset-draft.ts';
import type { DatasetRepository } from '@/lib/datasets/dataset-repository.ts';
import type { IdempotencyRepository } from '@/lib/datasets/idempotency-repository.ts';
import { type Manifest, manifestReplica } from '@/lib/datasets/manifest.ts';
import { manifestOf } from '@/lib/datasets/manifest-writer.ts';
import type { UploadRepository } from '@/lib/datasets/uploads/upload-repository.ts';
import { LongshoreError } from '@/lib/errors.ts';
import type { ReplicaRepository } from '@/lib/placement/replica-repository.ts';

/** Makes a dataset's manifest from its rows. */
export class ManifestRebuilder {
  readonly #datasets: DatasetRepository;
  readonly #replicas: ReplicaRepository;
  readonly #idempotency: IdempotencyRepository;
  readonly #uploads: UploadRepository;
  readonly #installationId: string;

  constructor(parts: {
    datasets: DatasetRepository;
    replicas: ReplicaRepository;
    idempotency: IdempotencyRepository;
    uploads: UploadRepository;
    installationId: string;
  }) {
    this.#datasets = parts.datasets;
    this.#replicas = parts.replicas;
    this.#idempotency = parts.idempotency;
    this.#uploads = parts.uploads;
    this.#installationId = parts.installationId;
  }

  async rebuild(row: DatasetRow, spoolFile: string | null): Promise<Manifest> {
    const report = await this.#datasets.report(row.userId, row.id);
    if (report === undefined) throw new LongshoreError('report_missing', `Dataset ${row.id} has no ingest report.`);
    const replicas = await this.#replicas.ofDataset(row.id);
    const living = replicas.filter((replica) => replica.state !== 'deleting');
    return manifestOf(row, living.map(manifestReplica), {
      installationId: this.#installationId,
      report,
      spoolFile,
      idempotency: await this.#idempotency.boundTo(row.id),
      uploadId: await this.#uploads.boundTo(row.id),
    });
  }
}
