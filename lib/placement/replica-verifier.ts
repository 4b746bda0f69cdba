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

const REREADABLE: readonly ReplicaState[] = ['completed', 'missing', 'corrupt'];

/** Reads copies back, byte for byte, and writes down what it found. */
export class ReplicaVerifier {
  readonly #replicas: ReplicaRepository;
  readonly #registry: StoreRegistry;
  readonly #sentinels: Sentinels;

  constructor(parts: { replicas: ReplicaRepository; registry: StoreRegistry; sentinels: Sentinels }) {
    this.#replicas = parts.replicas;
    this.#registry = parts.registry;
    this.#sentinels = parts.sentinels;
  }

  /**
   * Re-reads the whole copy and records the outcome. Undefined when there is nothing to re-read (any more).
   * Throws StorageError when the store cannot be asked: then nothing is concluded and nothing recorded.
   */
  async verify(replicaId: string, signal?: AbortSignal): Promise<Verdict | undefined> {
    const replica = await this.#replicas.find(replicaId);
    if (replica === undefined || !REREADABLE.includes(replica.state)) return undefined;
    const verdict = await this.#read(replica, signal);
    try {
      await this.#record(replica, verdict);
      return verdict;
    } catch (error) {
      if (isFenced(error)) return undefined;
      throw error;
    }
  }

  async #read(replica: Replica, signal: AbortSignal | undefined): Promise<Verdict> {
    const service = await this.#registry.resolve(replica);
    try {
      const found = await hashObject(service, replica, signal);
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
  signal: AbortSignal | undefined,
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
      }
    },
    { signal },
  );
  return { sha256: hash.digest('hex'), sizeBytes };
}
