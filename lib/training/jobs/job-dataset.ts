import type { Dataset } from '@/lib/datasets/dataset.ts';
import type { DatasetRepository } from '@/lib/datasets/dataset-repository.ts';
import type { JsonObject } from '@/lib/db/schema.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { type JobSink, suspicionJob } from '@/lib/placement/job-types.ts';
import { isReadable } from '@/lib/placement/replica.ts';
import type { ReplicaRepository } from '@/lib/placement/replica-repository.ts';
import type { StorageProvider } from '@/lib/storage/storage-service.ts';
import type { DatasetDownloadUrl, DownloadUrlRequest } from '../dataset-url-service.ts';
import { safeText } from './report-limits.ts';
import type { TrainingJob } from './training-job.ts';
import type { TrainingJobRepository } from './training-job-repository.ts';
import type { WorkerClaim, WorkerReports } from './worker-reports.ts';

export interface JobDatasetRequest {
  expiresInSeconds?: number;
  /** The copy that failed the worker just now. */
  avoid?: { provider: StorageProvider; reason: string };
}

/** Where and what: everything a worker needs to fetch the dataset and to know that it has got the right bytes. */
export interface JobDataset extends DatasetDownloadUrl {
  dataset_id: string;
  name: string;
  kind: string | null;
  total_examples: number | null;
  size: number | null;
  content_size: number | null;
  object_sha256: string | null;
  content_sha256: string;
  /** Whether there is another copy to turn to when this one fails. */
  other_copies: number;
}

/** Reading a whole copy back costs somebody's bandwidth: a job may ask for it so many times. */
const MAX_REPORTS = 20;

/** Hands a job's worker the bytes that the job was made for, wherever they are now. */
export class JobDatasets {
  readonly #reports: WorkerReports;
  readonly #jobs: TrainingJobRepository;
  readonly #datasets: DatasetRepository;
  readonly #replicas: ReplicaRepository;
  readonly #urls: { generateDownloadUrl(request: DownloadUrlRequest): Promise<DatasetDownloadUrl> };
  readonly #queue: JobSink;

  constructor(parts: {
    reports: WorkerReports;
    jobs: TrainingJobRepository;
    datasets: DatasetRepository;
    replicas: ReplicaRepository;
    urls: { generateDownloadUrl(request: DownloadUrlRequest): Promise<DatasetDownloadUrl> };
    queue: JobSink;
  }) {
    this.#reports = parts.reports;
    this.#jobs = parts.jobs;
    this.#datasets = parts.datasets;
    this.#replicas = parts.replicas;
    this.#urls = parts.urls;
    this.#queue = parts.queue;
  }

  /** @throws job_over, dataset_deleted, dataset_changed, and whatever the URL service throws */
  async locate(claim: WorkerClaim, request: JobDatasetRequest = {}): Promise<JobDataset> {
    const { avoid, expiresInSeconds } = request;
    const job = await this.#reports.live(claim, async (_tx, row) => row);
    const dataset = await this.#pinned(job);
    if (avoid !== undefined) await this.#suspect(claim, dataset, avoid);
    const wanted = { datasetId: dataset.id, userId: job.userId, expiresInSeconds };
    const location = await this.#urls.generateDownloadUrl({ ...wanted, avoid: avoid?.provider });
    const copies = (await this.#replicas.ofDataset(dataset.id)).filter(isReadable);
    return { ...location, ...described(dataset, job), other_copies: copies.length - 1 };
  }

  async #pinned(job: TrainingJob): Promise<Dataset> {
    const dataset = await this.#datasets.get(job.userId, job.datasetId).catch((error: unknown) => {
      throw error instanceof LongshoreError && error.code === 'dataset_not_found' ? gone() : error;
    });
    // Copies move, content never does: another hash under the same id is not what the job was made for.
    if (dataset.contentSha256 !== job.contentSha256) throw changed();
    return dataset;
  }

  /** Takes a worker's word as a reason to look: the copy is re-read, and judged by that alone. */
  async #suspect(claim: WorkerClaim, dataset: Dataset, avoid: { provider: StorageProvider; reason: string }) {
    const copies = (await this.#replicas.ofDataset(dataset.id)).filter(isReadable);
    const blamed = copies.filter((copy) => copy.provider === avoid.provider);
    await this.#reports.live(claim, async (tx, job) => {
      if (job.copyReports >= MAX_REPORTS) return;
      await this.#jobs.update(tx, job.id, { copyReports: job.copyReports + 1 });
      const data: JsonObject = { stage: 'copy_refused', provider: avoid.provider, reason: safeText(avoid.reason) };
      await this.#jobs.append(tx, job, [{ kind: 'stage', data }]);
      for (const copy of blamed) await this.#queue.enqueue(suspicionJob(copy), tx);
    });
  }
}

function described(dataset: Dataset, job: TrainingJob) {
  return {
    dataset_id: dataset.id,
    name: dataset.name,
    kind: dataset.kind,
    total_examples: dataset.totalExamples,
    size: dataset.fileSizeBytes,
    content_size: dataset.contentSizeBytes,
    object_sha256: dataset.objectSha256,
    content_sha256: job.contentSha256,
  };
}

function gone(): LongshoreError {
  return new LongshoreError('dataset_deleted', 'The dataset of this job was deleted.', {
    hint: 'Upload it again and make a new job.',
  });
}

function changed(): LongshoreError {
  return new LongshoreError('dataset_changed', 'The dataset is not the one this job was made for.', {
    hint: 'Make a new job.',
  });
}
