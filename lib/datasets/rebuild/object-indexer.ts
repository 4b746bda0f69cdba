import type { NewDataset } from '@/lib/datasets/dataset-repository.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { checkSource } from '@/lib/ingest/ingest.ts';
import type { IngestPool } from '@/lib/ingest/pool/ingest-pool.ts';
import type { IngestReport } from '@/lib/ingest/types.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';
import { DigestMeter, metered } from '@/lib/streams/digest.ts';
import { gunzipMembers } from '@/lib/streams/gunzip.ts';

/** What an object says of its dataset without a manifest. */
export interface IndexedObject {
  facts: Pick<
    NewDataset,
    | 'format'
    | 'kind'
    | 'contentSha256'
    | 'contentSizeBytes'
    | 'totalExamples'
    | 'avgInputLength'
    | 'avgOutputLength'
    | 'fileSizeBytes'
  >;
  report: IngestReport;
}

/** Reads an object to its end and counts, hashes and recognises what is in it. */
export class ObjectIndexer {
  readonly #pool: IngestPool;
  readonly #temporaryDirectory: string;

  constructor(parts: { pool: IngestPool; temporaryDirectory: string }) {
    this.#pool = parts.pool;
    this.#temporaryDirectory = parts.temporaryDirectory;
  }

  /** Undefined when the bytes are not those of `objectSha256`, or no dataset. */
  async index(
    service: StorageService,
    key: string,
    objectSha256: string,
    signal?: AbortSignal,
  ): Promise<IndexedObject | undefined> {
    const [object, content] = [new DigestMeter(), new DigestMeter()];
    const { body } = await service.get(key, { signal });
    const records = metered(gunzipMembers(metered(body, object)), content);
    const options = { fileName: 'records.jsonl', temporaryDirectory: this.#temporaryDirectory, signal };
    const report = await this.#check(records, options);
    if (report === undefined) return undefined;
    const { sha256, sizeBytes } = object.result();
    if (sha256 !== objectSha256) return undefined;
    const { sha256: contentSha256, sizeBytes: contentSizeBytes } = content.result();
    return {
      report,
      facts: {
        ...{ contentSha256, contentSizeBytes, fileSizeBytes: sizeBytes, kind: report.kind },
        format: report.source_formats[0]?.format ?? 'unknown',
        totalExamples: report.records.source,
        avgInputLength: report.statistics?.avg_input_length ?? null,
        avgOutputLength: report.statistics?.avg_output_length ?? null,
      },
    };
  }

  async #check(
    records: AsyncIterable<Uint8Array>,
    options: Parameters<typeof checkSource>[1],
  ): Promise<IngestReport | undefined> {
    try {
      return (await checkSource(records, options, this.#pool)).report;
    } catch (error) {
      if (error instanceof LongshoreError && error.code.startsWith('gzip_')) return undefined;
      throw error;
    }
  }
}
