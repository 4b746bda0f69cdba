import { and, eq, isNull, or, sql } from 'drizzle-orm';
import { datasetNotFound } from '@/lib/datasets/dataset.ts';
import { datasetUploading } from '@/lib/datasets/reader-errors.ts';
import type { Database } from '@/lib/db/database.ts';
import { datasetReplicas, trainingDatasets } from '@/lib/db/schema.ts';
import { LongshoreError } from '@/lib/errors.ts';
import type { Replica } from '@/lib/placement/replica.ts';
import { noCopy, type ReplicaReader } from '@/lib/placement/replica-reader.ts';
import type { StoreRegistry } from '@/lib/placement/store-registry.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type { StorageProvider } from '@/lib/storage/storage-service.ts';

/** What a consumer needs to read a dataset, for a time. */
export interface DatasetDownloadUrl {
  url: string;
  token: 's3-presigned' | 'supabase-signed' | 'filesystem-signed';
  /** When it really stops working. ISO 8601. */
  expires_at: string;
  provider: StorageProvider;
  /** Why this is not the preferred copy: `s3_missing`, `supabase_unavailable`. */
  fallback_reason?: string;
}

export type DownloadUrlRequest = ({ datasetId: string } | { storagePath: string }) & {
  userId: string;
  /** 1 to 7200, which is the default. */
  expiresInSeconds?: number;
  /** A copy that just failed its reader: only where no other can serve. */
  avoid?: StorageProvider;
};

/** Two hours: longer ones are asked for anew. */
export const MAX_EXPIRES_IN_SECONDS = 7200;
/** How long a copy that answered is believed to answer. */
const PROBE_TTL_MS = 5_000;
const PROBES_KEPT = 10_000;

const TOKENS = {
  s3: 's3-presigned',
  supabase: 'supabase-signed',
  filesystem: 'filesystem-signed',
} as const;

interface Served {
  id: string;
  name: string;
}

/** Signs download URLs: only for rows that the server wrote, only for their owner, and only for a copy that answers. */
export class DatasetUrlService {
  readonly #db: Database;
  readonly #replicas: ReplicaReader;
  readonly #registry: StoreRegistry;
  readonly #now: () => Date;
  readonly #probed = new Map<string, number>();

  constructor(parts: { db: Database; replicas: ReplicaReader; registry: StoreRegistry; now?: () => Date }) {
    this.#db = parts.db;
    this.#replicas = parts.replicas;
    this.#registry = parts.registry;
    this.#now = parts.now ?? (() => new Date());
  }

  /** @throws dataset_not_found, dataset_uploading, invalid_expiry, no_good_copy, StorageError */
  async generateDownloadUrl(request: DownloadUrlRequest): Promise<DatasetDownloadUrl> {
    const expiresInSeconds = checkedExpiry(request.expiresInSeconds);
    const dataset = await this.#find(request);
    let fallback: { reason: string; error: unknown } | undefined;
    const candidates = await this.#replicas.candidates(dataset.id);
    for (const replica of avoidedLast(candidates, request.avoid)) {
      try {
        return await this.#sign(replica, dataset, expiresInSeconds, fallback?.reason);
      } catch (error) {
        const reason = reasonOf(error);
        if (reason === undefined) throw error;
        await this.#replicas.suspect(replica, error);
        fallback ??= { reason: `${replica.provider}_${reason}`, error };
      }
    }
    throw fallback?.error ?? noCopy();
  }

  async #sign(
    replica: Replica,
    dataset: Served,
    expiresInSeconds: number,
    fallbackReason: string | undefined,
  ): Promise<DatasetDownloadUrl> {
    const service = await this.#registry.resolve(replica);
    const versionId = replica.versionId ?? undefined;
    await this.#probe(replica, async () => {
      const { sizeBytes } = await service.stat(replica.objectKey, { versionId });
      if (replica.sizeBytes !== null && sizeBytes !== replica.sizeBytes) throw differs(replica);
    });
    const filename = `${dataset.name.replace(/\.(jsonl|json)(\.gz)?$/i, '')}.jsonl.gz`;
    const signed = await service.presignGet(replica.objectKey, { expiresInSeconds, versionId, filename });
    return {
      url: signed.url,
      token: TOKENS[replica.provider],
      expires_at: signed.expiresAt.toISOString(),
      provider: replica.provider,
      ...(fallbackReason === undefined ? {} : { fallback_reason: fallbackReason }),
    };
  }

  /** Asks the store unless this very copy answered within the last seconds. Failures are not remembered. */
  async #probe(replica: Replica, ask: () => Promise<void>): Promise<void> {
    const key = `${replica.id} ${replica.attempt} ${replica.objectKey}`;
    const now = this.#now().getTime();
    if ((this.#probed.get(key) ?? 0) > now) return;
    this.#probed.delete(key);
    await ask();
    if (this.#probed.size >= PROBES_KEPT) this.#probed.clear();
    this.#probed.set(key, now + PROBE_TTL_MS);
  }

  async #find(request: DownloadUrlRequest): Promise<Served> {
    const named = 'datasetId' in request ? eq(trainingDatasets.id, request.datasetId) : storedAt(request.storagePath);
    const own = and(named, eq(trainingDatasets.userId, request.userId), isNull(trainingDatasets.deletedAt));
    const { id, name, status } = trainingDatasets;
    const [row] = await this.#db.select({ id, name, status }).from(trainingDatasets).where(own).limit(1);
    if (row === undefined) throw datasetNotFound();
    if (row.status !== 'ready') throw datasetUploading();
    return row;
  }
}

function avoidedLast(candidates: readonly Replica[], avoid: StorageProvider | undefined): Replica[] {
  return [...candidates].sort((a, b) => Number(a.provider === avoid) - Number(b.provider === avoid));
}

/** By the old column, or by the key of any of its copies. */
function storedAt(storagePath: string) {
  return or(
    eq(trainingDatasets.storagePath, storagePath),
    sql`exists (select 1 from ${datasetReplicas} r
      where r.dataset_id = ${trainingDatasets.id}::text and r.object_key = ${storagePath})`,
  );
}

function checkedExpiry(seconds = MAX_EXPIRES_IN_SECONDS): number {
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= MAX_EXPIRES_IN_SECONDS) return seconds;
  throw new LongshoreError('invalid_expiry', `A download URL lives 1 to ${MAX_EXPIRES_IN_SECONDS} whole seconds.`, {
    hint: 'Ask for less, and ask again when it is over.',
  });
}

/** One word for why a copy cannot serve; undefined for errors that are not about the copy. */
function reasonOf(error: unknown): string | undefined {
  if (StorageError.is(error, 'not_found')) return 'missing';
  if (StorageError.is(error)) return error.code === 'aborted' ? undefined : error.code;
  return error instanceof LongshoreError && error.code === 'store_unknown' ? 'unknown' : undefined;
}

function differs(replica: Replica): StorageError {
  const { provider, objectKey: key } = replica;
  return new StorageError('corrupt', {
    provider,
    operation: 'stat',
    key,
    detail: 'its size is another',
    retry: 'never',
  });
}
