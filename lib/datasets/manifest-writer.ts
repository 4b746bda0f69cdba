import { encodeManifest, type Manifest, type ManifestReplica } from '@/lib/datasets/manifest.ts';
import type { ManifestFiles } from '@/lib/datasets/manifest-files.ts';
import type { trainingDatasets } from '@/lib/db/schema.ts';
import { LongshoreError } from '@/lib/errors.ts';
import type { BlockIndex, IngestReport } from '@/lib/ingest/types.ts';
import type { IntegrityKeys } from '@/lib/placement/integrity.ts';
import { getsManifestAtOnce, manifestKey } from '@/lib/placement/manifest-key.ts';
import type { Replica } from '@/lib/placement/replica.ts';
import type { StoreRegistry } from '@/lib/placement/store-registry.ts';
import { bufferBody } from '@/lib/streams/replayable-body.ts';

type Row = typeof trainingDatasets.$inferSelect;

/** What a manifest holds beside the dataset's row. */
export interface ManifestExtras {
  installationId: string;
  report: IngestReport;
  spoolFile: string | null;
  idempotency: { key: string; requestSha256: string } | null;
  uploadId: string | null;
}

/** The manifest of a dataset that came in through ingest: those rows have every field. */
export function manifestOf(row: Row, replicas: ManifestReplica[], extras: ManifestExtras): Manifest {
  return {
    version: 1,
    installation_id: extras.installationId,
    dataset: {
      id: row.id,
      user_id: row.userId,
      name: row.name,
      description: row.description,
      format: row.format,
      kind: known(row.kind),
      file_size_bytes: known(row.fileSizeBytes),
      original_size_bytes: known(row.originalSizeBytes),
      content_size_bytes: known(row.contentSizeBytes),
      total_examples: known(row.totalExamples),
      avg_input_length: row.avgInputLength,
      avg_output_length: row.avgOutputLength,
      content_sha256: known(row.contentSha256),
      object_sha256: known(row.objectSha256),
      source_sha256: known(row.sourceSha256),
      metadata: row.metadata ?? {},
      created_at: known(row.createdAt).toISOString(),
      attempt: row.attempt,
    },
    block_index: known<BlockIndex>(row.blockIndex),
    report: extras.report,
    spool_file: extras.spoolFile,
    replicas,
    idempotency:
      extras.idempotency === null
        ? null
        : { key: extras.idempotency.key, request_sha256: extras.idempotency.requestSha256 },
    upload_id: extras.uploadId,
  };
}

/** Puts manifests where they must lie: in the spool directory, and beside the objects of stores that keep them. */
export class ManifestWriter {
  readonly #files: ManifestFiles;
  readonly #registry: StoreRegistry;
  readonly #keys: IntegrityKeys;

  constructor(parts: { files: ManifestFiles; registry: StoreRegistry; keys: IntegrityKeys }) {
    this.#files = parts.files;
    this.#registry = parts.registry;
    this.#keys = parts.keys;
  }

  /** Before any row exists. */
  async writeIntent(manifest: Manifest): Promise<void> {
    await this.#files.write(manifest);
  }

  /** Before the commit: from here on a lost row comes back `ready`. */
  async writeFinal(manifest: Manifest, replicas: readonly Replica[]): Promise<void> {
    const now = replicas.filter(({ provider }) => getsManifestAtOnce(provider));
    await Promise.all(now.map((replica) => this.writeBeside(replica, manifest)));
    await this.#files.write(manifest);
  }

  /** Beside the object of one completed replica. */
  async writeBeside(replica: Replica, manifest: Manifest): Promise<void> {
    if (replica.state !== 'completed') return;
    const { provider, userId, datasetId } = replica;
    const service = await this.#registry.resolve(replica);
    const body = bufferBody(encodeManifest({ ...manifest, spool_file: null }, this.#keys));
    await service.put(manifestKey(provider, userId, datasetId), body, { contentType: 'application/json' });
  }
}

function known<T>(value: T | null): T {
  if (value !== null) return value;
  throw new LongshoreError('manifest_incomplete', 'Only a dataset with all its facts has a manifest.');
}
