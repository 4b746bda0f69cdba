import type { ReadTrail } from '@/lib/datasets/read-trail.ts';
import type { DatasetDownloadUrl, DatasetUrlService } from '@/lib/training/dataset-url-service.ts';

/** Download URLs that a person asks for: the same as a job gets, and written down. */
export class DownloadLinks {
  readonly #urls: DatasetUrlService;
  readonly #trail: ReadTrail;

  constructor(urls: DatasetUrlService, trail: ReadTrail) {
    this.#urls = urls;
    this.#trail = trail;
  }

  /** @throws as DatasetUrlService.generateDownloadUrl */
  async make(userId: string, datasetId: string, expiresInSeconds?: number): Promise<DatasetDownloadUrl> {
    const location = await this.#urls.generateDownloadUrl({ datasetId, userId, expiresInSeconds });
    const details = { provider: location.provider };
    this.#trail.note({ userId, action: 'dataset.link_made', subject: datasetId, details });
    return location;
  }
}
