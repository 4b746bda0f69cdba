import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { sql } from 'drizzle-orm';
import { isFenced, type Replica, type ReplicaState } from '@/lib/placement/replica.ts';
import type { ReplicaRepository } from '@/lib/placement/replica-repository.ts';
import { NO_ERROR } from '@/lib/placement/replica-writer.ts';
import type { Sentinels } from '@/lib/placement/sentinel.ts';
import type { StoreRegistry } from '@/lib/placement/store-registry.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';

/** What reading a copy back found. */
export type Verdict = 'verified' | 'missing' | 'corrupt';

export const REREADABLE: readonly ReplicaState[] = ['completed', 'missing', 'corrupt'];

/** Is told what reading a copy back changed, once it is written down. */
export interface ReplicaWatch {
  /** The copy was thought good. */
  damaged(replica: Replica, verdict: 'missing' | 'corrupt'): Promise<void>;
  /** The copy had not been read back since it was written. */
  proved(replica: Replica): Promise<void>;
}

export interface VerifyOptions {
  signal?: AbortSignal;
  /** Awaited after each piece that arrived: to count bytes, and to hold them back. */
  onBytes?: (count: number) => Promise<void>;
}

/** Reads copies back, byte for byte, and writes down what it found. */
export class ReplicaVerifier {
  readonly #replicas: ReplicaRepository;
  readonly #registry: StoreRegistry;
  readonly #sentinels: Sentinels;
  readonly #watch: ReplicaWatch | undefined;

  constructor(parts: {
    replicas: ReplicaRepository;
    registry: StoreRegistry;
    sentinels: Sentinels;
    watch?: ReplicaWatch;
  }) {
    this.#replicas = parts.replicas;
    this.#registry = parts.registry;
    this.#sentinels = parts.sentinels;
    this.#watch = parts.watch;
  }

  /**
   * Re-reads the whole copy and records the outcome. Undefined when there is nothing to re-read (any more), or nothing to
   * compare with yet: the first reading of a copy from before Longshore is an inspection.
   * Throws StorageError when the store cannot be asked: then nothing is concluded and nothing recorded.
   */
  async verify(replicaId: string, signal?: AbortSignal): Promise<Verdict | undefined> {
    return this.verifyWith(replicaId, { signal });
  }

  /** As `verify`, at the pace that `onBytes` sets. */
  async verifyWith(replicaId: string, options: VerifyOptions): Promise<Verdict | undefined> {
    const replica = await this.#replicas.find(replicaId);
    if (replica === undefined || !REREADABLE.includes(replica.state)) return undefined;
    if (replica.objectSha256 === null) return undefined;
    const verdict = await this.#read(replica, options);
    try {
      await this.#record(replica, verdict);
      await this.#tell(replica, verdict);
      return verdict;
    } catch (error) {
      if (isFenced(error)) return undefined;
      throw error;
    }
  }

  async #tell(replica: Replica, verdict: Verdict): Promise<void> {
    if (verdict !== 'verified' && replica.state === 'completed') await this.#watch?.damaged(replica, verdict);
    if (verdict === 'verified' && replica.verifiedAt === null) await this.#watch?.proved(replica);
  }

  async #read(replica: Replica, options: VerifyOptions): Promise<Verdict> {
    const service = await this.#registry.resolve(replica);
    try {
      const found = await hashObject(service, replica, options);
      const equal = found.sha256 === replica.objectSha256 && found.sizeBytes === replica.sizeBytes;
      return equal ? 'verified' : 'corrupt';
    } catch (error) {
      // A transfer that broke off says nothing about the object; a store that knows its own damage does.
      if (StorageError.is(error, 'corrupt') && error.retry === 'never') return 'corrupt';
      if (!StorageError.is(error, 'not_found')) throw error;
      await this.#sentinels.assertReadable(service, replica.userId);
      return 'missing';
    }
  }

  async #record(replica: Replica, verdict: Verdict): Promise<void> {
    if (verdict === 'verified') {
      await this.#replicas.move(replica, 'completed', { verifiedAt: sql`now()`, ...NO_ERROR });
    } else {
      await this.#replicas.move(replica, verdict, { verifiedAt: null, ...FAULTS[verdict] });
    }
  }
}

const FAULTS = {
  missing: { errorCode: 'missing', errorMessage: 'The store answers, and the object is not there.' },
  corrupt: { errorCode: 'corrupt', errorMessage: 'The object differs from what was stored.' },
};

async function hashObject(
  service: StorageService,
  replica: Replica,
  { signal, onBytes }: VerifyOptions,
): Promise<{ sha256: string; sizeBytes: number }> {
  const { body } = await service.get(replica.objectKey, { versionId: replica.versionId ?? undefined, signal });
  const hash = createHash('sha256');
  let sizeBytes = 0;
  await pipeline(
    body,
    async (chunks: AsyncIterable<Buffer>) => {
      for await (const chunk of chunks) {
        hash.update(chunk);
        sizeBytes += chunk.length;
        await onBytes?.(chunk.length);
      }
    },
    { signal },
  );
  return { sha256: hash.digest('hex'), sizeBytes };
}
