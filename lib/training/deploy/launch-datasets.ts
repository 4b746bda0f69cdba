import type { Dataset } from '@/lib/datasets/dataset.ts';
import type { DatasetRepository } from '@/lib/datasets/dataset-repository.ts';
import { isReadable, type Replica } from '@/lib/placement/replica.ts';
import type { ReplicaRepository } from '@/lib/placement/replica-repository.ts';
import { regionOf } from '@/lib/secrets/secrets.types.ts';
import type { SecretsManager } from '@/lib/secrets/secrets-manager.ts';
import type { LaunchDataset, S3Source } from '@/lib/training/deploy-targets/deploy-target.ts';

export interface LaunchDatasetsParts {
  datasets: DatasetRepository;
  replicas: ReplicaRepository;
  secrets: Pick<SecretsManager, 'getSecret'>;
  /** Whether a store at this address is one that SageMaker reads; null: AWS itself. */
  isAws(endpoint: string | null): boolean;
}

/** What a target needs to know of a dataset. */
export class LaunchDatasets {
  readonly #parts: LaunchDatasetsParts;

  constructor(parts: LaunchDatasetsParts) {
    this.#parts = parts;
  }

  /** @throws dataset_not_found */
  async find(userId: string, datasetId: string): Promise<{ dataset: Dataset; launch: LaunchDataset }> {
    const { datasets, replicas, isAws } = this.#parts;
    const dataset = await datasets.get(userId, datasetId);
    const copies = (await replicas.ofDataset(dataset.id)).filter((copy) => isReadable(copy) && copy.provider === 's3');
    const verified = copies.filter((copy) => copy.verifiedAt !== null && isAws(copy.endpoint));
    const launch = {
      ...{ id: dataset.id, kind: dataset.kind },
      objectSizeBytes: dataset.fileSizeBytes,
      contentSizeBytes: dataset.contentSizeBytes,
      s3: await this.#own(userId, verified),
      inS3: verified.length > 0,
    };
    return { dataset, launch };
  }

  /** The newest copy in the bucket that the user's credentials name now. */
  async #own(userId: string, copies: readonly Replica[]): Promise<S3Source | undefined> {
    const secret = await this.#parts.secrets.getSecret(userId, 'aws');
    if (secret === undefined) return undefined;
    const { aws } = secret.metadata;
    const own = copies.filter(({ secretId, bucket }) => secretId !== null && bucket === aws.s3_bucket);
    const newest = [...own].sort((a, b) => b.generation - a.generation)[0];
    if (newest === undefined) return undefined;
    return { bucket: newest.bucket, key: newest.objectKey, region: newest.region ?? regionOf(aws) };
  }
}
