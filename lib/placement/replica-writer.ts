import { sql } from 'drizzle-orm';
import { LongshoreError } from '@/lib/errors.ts';
import {
  type IntegrityKeys,
  identityOf,
  type ObjectIdentity,
  objectMetadata,
  sameIdentity,
} from '@/lib/placement/integrity.ts';
import { isFenced, type Replica } from '@/lib/placement/replica.ts';
import type { ReplicaCleaner } from '@/lib/placement/replica-cleaner.ts';
import type { ReplicaRepository } from '@/lib/placement/replica-repository.ts';
import type { Sentinels } from '@/lib/placement/sentinel.ts';
import type { StoreRegistry } from '@/lib/placement/store-registry.ts';
import { replicaJournal } from '@/lib/placement/upload-journal.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type { ReplayableBody } from '@/lib/streams/replayable-body.ts';

export interface WriteOptions {
  /** Aborting hands the copy over: its row stays `pending` and its journal stands. */
  signal?: AbortSignal;
  onProgress?: (sentBytes: number) => void;
}

/** A body whose hash is known: what a replica is made from. */
export type HashedBody = ReplayableBody & { readonly sha256: string };

/** Writes one copy of a dataset to its store. */
export class ReplicaWriter {
  readonly #replicas: ReplicaRepository;
  readonly #registry: StoreRegistry;
  readonly #cleaner: ReplicaCleaner;
  readonly #sentinels: Sentinels;
  readonly #keys: IntegrityKeys;
  readonly #installationId: string;

  constructor(parts: {
    replicas: ReplicaRepository;
    registry: StoreRegistry;
    cleaner: ReplicaCleaner;
    sentinels: Sentinels;
    keys: IntegrityKeys;
    installationId: string;
  }) {
    this.#replicas = parts.replicas;
    this.#registry = parts.registry;
    this.#cleaner = parts.cleaner;
    this.#sentinels = parts.sentinels;
    this.#keys = parts.keys;
    this.#installationId = parts.installationId;
  }

  /**
   * Stores `body` and completes the replica, which the caller has claimed. A store that refuses leaves it `failed` with
   * the reason, and the error is thrown.
   * @throws fenced when the claim was lost; then nothing of this write stays behind
   */
  async write(replica: Replica, body: HashedBody, options: WriteOptions = {}): Promise<Replica> {
    try {
      return await this.#store(replica, body, options);
    } catch (error) {
      if (isFenced(error)) await this.#cleaner.removeUnclaimed(replica);
      else if (!options.signal?.aborted) await this.#recordFailure(replica, error);
      throw error;
    }
  }

  /**
   * Completes a claimed replica whose object is already in its store, by the identity that the object carries. For
   * recovery without a spool; its bytes are proved by the re-read that follows.
   */
  async adopt(replica: Replica, objectSha256: string): Promise<Replica> {
    try {
      const service = await this.#registry.resolve(replica);
      const stat = await service.stat(replica.objectKey);
      const identity = identityOf(stat.metadata, this.#keys);
      if (identity === undefined || !sameIdentity(identity, this.#identity(replica, objectSha256)))
        throw foreignObject();
      const { sizeBytes, versionId } = stat;
      return await this.#complete(replica, { sizeBytes, versionId, objectSha256 });
    } catch (error) {
      await this.#recordFailure(replica, error);
      throw error;
    }
  }

  async #store(replica: Replica, body: HashedBody, options: WriteOptions): Promise<Replica> {
    const service = await this.#registry.resolve(replica);
    await this.#sentinels.ensure(service, replica.userId);
    const { sizeBytes, versionId } = await service.put(replica.objectKey, body, {
      contentType: 'application/gzip',
      metadata: objectMetadata(this.#identity(replica, body.sha256), this.#keys),
      journal: replicaJournal(this.#replicas, replica),
      ...options,
    });
    return this.#complete(replica, { sizeBytes, versionId, objectSha256: body.sha256 });
  }

  async #complete(
    replica: Replica,
    object: { sizeBytes: number; versionId: string | undefined; objectSha256: string },
  ): Promise<Replica> {
    const { sizeBytes, objectSha256 } = object;
    const stored = { sizeBytes, objectSha256, versionId: object.versionId ?? null };
    return this.#replicas.move(replica, 'completed', { ...stored, completedAt: sql`now()`, ...NO_ERROR });
  }

  #identity({ userId, datasetId }: Replica, objectSha256: string): ObjectIdentity {
    return { installationId: this.#installationId, datasetId, userId, objectSha256 };
  }

  async #recordFailure(replica: Replica, error: unknown): Promise<void> {
    await this.#replicas.move(replica, 'failed', failureFacts(error)).catch((reason) => {
      if (!isFenced(reason)) throw reason;
    });
  }
}

function foreignObject(): LongshoreError {
  return new LongshoreError('foreign_object', 'The object under this key is not the one we stored.', {
    hint: 'List orphans: `longshore orphans`.',
  });
}

/** What a row may say about an error: messages of errors that are not ours could hold anything. */
export function failureFacts(error: unknown): { errorCode: string; errorMessage: string } {
  if (StorageError.is(error)) return { errorCode: error.code, errorMessage: error.message.slice(0, 500) };
  if (error instanceof LongshoreError) return { errorCode: error.code, errorMessage: error.message };
  return { errorCode: 'internal_error', errorMessage: 'Something went wrong on our side; see the log.' };
}

export const NO_ERROR = { errorCode: null, errorMessage: null, uploadState: null };
