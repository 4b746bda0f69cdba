import { z } from 'zod';
import type { BlockIndex, IngestReport } from '@/lib/ingest/types.ts';
import type { IntegrityKeys } from '@/lib/placement/integrity.ts';
import type { Replica } from '@/lib/placement/replica.ts';
import type { StoreTarget } from '@/lib/placement/store-registry.ts';
import { datasetObjectKey } from '@/lib/storage/object-key.ts';

const address = {
  provider: z.enum(['s3', 'supabase', 'filesystem']),
  endpoint: z.string().nullable(),
  region: z.string().nullable(),
  bucket: z.string(),
  secret_id: z.string().nullable(),
};

const REPLICA = z.object({
  ...address,
  object_key: z.string(),
  generation: z.number().int(),
  version_id: z.string().nullable(),
  size_bytes: z.number().nullable(),
  /** The store had acknowledged it when the manifest was written. */
  completed: z.boolean(),
});

const DATASET = z.object({
  id: z.string(),
  user_id: z.string(),
  name: z.string(),
  description: z.string().nullable(),
  format: z.string(),
  kind: z.string(),
  file_size_bytes: z.number(),
  original_size_bytes: z.number(),
  content_size_bytes: z.number(),
  total_examples: z.number().int(),
  avg_input_length: z.number().nullable(),
  avg_output_length: z.number().nullable(),
  content_sha256: z.string(),
  object_sha256: z.string(),
  source_sha256: z.string(),
  metadata: z.record(z.string(), z.unknown()),
  created_at: z.iso.datetime(),
  attempt: z.number().int(),
});

const MANIFEST = z.object({
  version: z.literal(1),
  installation_id: z.string(),
  dataset: DATASET,
  // Written and read by ourselves under an HMAC: their own shape is not checked again.
  block_index: z.custom<BlockIndex>((value) => typeof value === 'object' && value !== null),
  report: z.custom<IngestReport>((value) => typeof value === 'object' && value !== null),
  spool_file: z.string().nullable(),
  replicas: z.array(REPLICA),
  idempotency: z.object({ key: z.string(), request_sha256: z.string() }).nullable(),
  upload_id: z.string().nullable(),
});

/**
 * Everything the rows of a dataset say, in one signed file: what survives when an embedded database loses its last
 * seconds. An intent names no completed replica; the final manifest names those that made the dataset ready.
 */
export type Manifest = z.infer<typeof MANIFEST>;
export type ManifestReplica = z.infer<typeof REPLICA>;

/** First line the HMAC, second line the JSON it covers, byte for byte. */
export function encodeManifest(manifest: Manifest, keys: IntegrityKeys): string {
  const text = JSON.stringify(manifest);
  return `${keys.sign('manifest', text)}\n${text}\n`;
}

/** Undefined for anything that is not a whole manifest signed by us. */
export function decodeManifest(file: string, keys: IntegrityKeys): Manifest | undefined {
  const [signature = '', text = ''] = file.split('\n');
  if (!keys.verify('manifest', text, signature)) return undefined;
  const parsed = MANIFEST.safeParse(JSON.parse(text));
  return parsed.success ? parsed.data : undefined;
}

export function manifestReplica(replica: Replica): ManifestReplica {
  return {
    provider: replica.provider,
    endpoint: replica.endpoint,
    region: replica.region,
    bucket: replica.bucket,
    secret_id: replica.secretId,
    object_key: replica.objectKey,
    generation: replica.generation,
    version_id: replica.versionId,
    size_bytes: replica.sizeBytes,
    completed: replica.state === 'completed',
  };
}

/** A copy that is about to be begun. */
export function plannedReplica(target: StoreTarget, userId: string, datasetId: string): ManifestReplica {
  return {
    provider: target.provider,
    endpoint: target.endpoint,
    region: target.region,
    bucket: target.bucket,
    secret_id: target.secretId,
    object_key: datasetObjectKey(target.provider, userId, datasetId),
    generation: 0,
    version_id: null,
    size_bytes: null,
    completed: false,
  };
}

/** The manifest with the copies as they are now. */
export function withReplicas(manifest: Manifest, replicas: readonly Replica[]): Manifest {
  const living = replicas.filter((replica) => replica.state !== 'deleting');
  return { ...manifest, replicas: living.map(manifestReplica) };
}
