import type { Database } from '@/lib/db/database.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { type Phase, readOrder, roleOf } from '@/lib/placement/phase.ts';
import { isReadable } from '@/lib/placement/replica.ts';
import { inReadOrder, noCopy, type ReplicaReader } from '@/lib/placement/replica-reader.ts';
import type { StoreRegistry } from '@/lib/placement/store-registry.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type { SignedUrl, StorageProvider } from '@/lib/storage/storage-service.ts';
import { type FirstAnswer, firstAnswer, type Passed } from '@/lib/streams/first-answer.ts';
import { type ServedDataset, ServedDatasets, type ServedReplica } from '@/lib/training/served-dataset.ts';
import { StoreMemory } from '@/lib/training/store-memory.ts';

/** What a consumer needs to read a dataset, for a time. */
export interface DatasetDownloadUrl {
  url: string;
  token: 's3-presigned' | 'supabase-signed' | 'filesystem-signed';
  /** When it really stops working. ISO 8601. */
  expires_at: string;
  provider: StorageProvider;
  /** Why this is not the preferred copy: `s3_missing`, `s3_slow`, `supabase_unavailable`. */
  fallback_reason?: string;
}

export type DownloadUrlRequest = ({ datasetId: string } | { storagePath: string }) & {
  userId: string;
  /** 1 to 7200, which is the default. */
  expiresInSeconds?: number;
  /** A copy that just failed its reader: only where no other can serve. */
  avoid?: StorageProvider;
};

export interface DatasetUrlServiceParts {
  db: Database;
  /** See DatabaseHandle. Default false. */
  keepsStatements?: boolean;
  replicas: ReplicaReader;
  registry: StoreRegistry;
  /** How long a store may take before the next copy is asked beside it. Default 500. */
  budgetMs?: number;
  now?: () => Date;
}

/** Two hours: longer ones are asked for anew. */
export const MAX_EXPIRES_IN_SECONDS = 7200;
const BUDGET_MS = 500;

const TOKENS = {
  s3: 's3-presigned',
  supabase: 'supabase-signed',
  filesystem: 'filesystem-signed',
} as const;

type Answer = FirstAnswer<ServedReplica, SignedUrl>;

/** Signs download URLs: only for rows that the server wrote, only for their owner, and only for a copy that answers. */
export class DatasetUrlService {
  readonly #datasets: ServedDatasets;
  readonly #replicas: ReplicaReader;
  readonly #registry: StoreRegistry;
  readonly #memory: StoreMemory;
  readonly #budgetMs: number;

  constructor(parts: DatasetUrlServiceParts) {
    const now = parts.now ?? (() => new Date());
    this.#datasets = new ServedDatasets(parts.db, parts.keepsStatements ?? false);
    this.#replicas = parts.replicas;
    this.#registry = parts.registry;
    this.#memory = new StoreMemory(() => now().getTime());
    this.#budgetMs = parts.budgetMs ?? BUDGET_MS;
  }

  /**
   * Asks the copies in the order of the phase until one answers. A copy that fails is passed at once, one that is slow is
   * passed when another answers first; what was found about either is followed up.
   * @throws dataset_not_found, dataset_uploading, invalid_expiry, no_good_copy, StorageError
   */
  async generateDownloadUrl(request: DownloadUrlRequest): Promise<DatasetDownloadUrl> {
    const expiresInSeconds = checkedExpiry(request.expiresInSeconds);
    const dataset = await this.#datasets.find(request);
    const copies = inReadOrder(dataset.phase, dataset.replicas.filter(isReadable));
    const ask = (replica: ServedReplica, signal: AbortSignal) =>
      this.#sign(replica, dataset, { expiresInSeconds, signal });
    const rules = { budgetMs: this.#budgetMs, speaksOfCandidate: (error: unknown) => reasonOf(error) !== undefined };
    const answer = await firstAnswer(this.#inAskingOrder(copies, request.avoid), ask, rules);
    if (answer === undefined) throw noCopy();
    // Told before it is noted: what this request finds decides the order of the next one.
    const reason = this.#fallbackReason(dataset, { best: copies[0], avoid: request.avoid }, answer);
    for (const passed of answer.passed) this.#note(passed);
    return shown(answer, reason);
  }

  async #sign(
    replica: ServedReplica,
    dataset: ServedDataset,
    { expiresInSeconds, signal }: { expiresInSeconds: number; signal: AbortSignal },
  ): Promise<SignedUrl> {
    try {
      const service = await this.#registry.resolve(replica);
      const versionId = replica.versionId ?? undefined;
      if (!this.#memory.believes(replica)) {
        const { sizeBytes } = await service.stat(replica.objectKey, { versionId, signal });
        if (replica.sizeBytes !== null && sizeBytes !== replica.sizeBytes) throw differs(replica);
        this.#memory.answered(replica);
      }
      const filename = `${dataset.name.replace(/\.(jsonl|json)(\.gz)?$/i, '')}.jsonl.gz`;
      return await service.presignGet(replica.objectKey, { expiresInSeconds, versionId, filename });
    } catch (error) {
      if (!signal.aborted) await this.#replicas.suspect(replica, error);
      throw error;
    }
  }

  /** Stores that failed within the last seconds come last, so that not every request waits for them; so does `avoid`. */
  #inAskingOrder(copies: readonly ServedReplica[], avoid: StorageProvider | undefined): ServedReplica[] {
    const isLast = (copy: ServedReplica) => copy.provider === avoid || this.#memory.faultOf(copy) !== undefined;
    return [...copies.filter((copy) => !isLast(copy)), ...copies.filter(isLast)];
  }

  #note({ candidate, why }: Passed<ServedReplica>): void {
    this.#memory.failed(candidate, why.kind === 'slow' ? 'slow' : (reasonOf(why.error) ?? 'unavailable'));
  }

  /** One word on the copy that the phase would rather have served. */
  #fallbackReason(
    dataset: ServedDataset,
    { best, avoid }: { best: ServedReplica | undefined; avoid: StorageProvider | undefined },
    answer: Answer,
  ): string | undefined {
    if (best !== undefined && best !== answer.candidate) {
      const passed = answer.passed.find(({ candidate }) => candidate === best);
      const failure = passed?.why.kind === 'failed' ? reasonOf(passed.why.error) : passed?.why.kind;
      const known = this.#memory.faultOf(best) ?? (best.provider === avoid ? 'avoided' : 'unavailable');
      return `${best.provider}_${failure ?? known}`;
    }
    return knownFault(dataset.phase, dataset.replicas, answer.candidate);
  }
}

/** Where no copy of the preferred kind may be read: what is known of the newest of them. */
function knownFault(phase: Phase, replicas: readonly ServedReplica[], served: ServedReplica): string | undefined {
  const [wanted] = readOrder(phase);
  if (roleOf(served) === wanted) return undefined;
  const others = replicas.filter((replica) => roleOf(replica) === wanted && replica.state !== 'deleting');
  const newest = others.reduce<ServedReplica | undefined>(
    (latest, replica) => (latest === undefined || replica.generation > latest.generation ? replica : latest),
    undefined,
  );
  return newest === undefined ? undefined : `${newest.provider}_${newest.state}`;
}

function shown({ candidate, value }: Answer, reason: string | undefined): DatasetDownloadUrl {
  return {
    url: value.url,
    token: TOKENS[candidate.provider],
    expires_at: value.expiresAt.toISOString(),
    provider: candidate.provider,
    ...(reason === undefined ? {} : { fallback_reason: reason }),
  };
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

function differs(replica: ServedReplica): StorageError {
  const { provider, objectKey: key } = replica;
  return new StorageError('corrupt', {
    provider,
    operation: 'stat',
    key,
    detail: 'its size is another',
    retry: 'never',
  });
}
