import { and, asc, eq, isNull, sql } from 'drizzle-orm';
import type { Database } from '@/lib/db/database.ts';
import { migrationItems } from '@/lib/db/schema.ts';
import { forEachOf } from '@/lib/migration/runs/for-each-of.ts';
import type { RunRepository } from '@/lib/migration/runs/run-repository.ts';
import type { CheckMark, MigrationItem } from '@/lib/migration/types.ts';
import type { ReplicaRepository } from '@/lib/placement/replica-repository.ts';
import type { ReplicaVerifier } from '@/lib/placement/replica-verifier.ts';
import { failureFacts } from '@/lib/placement/replica-writer.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';

const PAGE = 200;
const AT_A_TIME = 8;
const I = migrationItems;

interface Mark {
  mark: CheckMark;
  message: string | null;
}

const SAME: Mark = { mark: '=', message: null };

/** Reads both sides of every copy that a run made back, byte for byte, and marks what it finds. */
export class RunChecker {
  readonly #db: Database;
  readonly #runs: RunRepository;
  readonly #replicas: ReplicaRepository;
  readonly #verifier: ReplicaVerifier;

  constructor(parts: { db: Database; runs: RunRepository; replicas: ReplicaRepository; verifier: ReplicaVerifier }) {
    this.#db = parts.db;
    this.#runs = parts.runs;
    this.#replicas = parts.replicas;
    this.#verifier = parts.verifier;
  }

  /** Goes on where a killed process stopped: what has a mark is not read again. */
  async check(runId: string, signal: AbortSignal, onProgress: (checked: number) => void): Promise<number> {
    let checked = 0;
    for (;;) {
      const items = await this.#unmarked(runId);
      await forEachOf(items, AT_A_TIME, async (item) => {
        signal.throwIfAborted();
        await this.#write(item, await this.#markOf(item, signal));
        checked += 1;
        onProgress(checked);
      });
      if (items.length < PAGE) break;
    }
    await this.#runs.mark(runId, 'checkedAt');
    return checked;
  }

  async #unmarked(runId: string): Promise<MigrationItem[]> {
    return this.#db
      .select()
      .from(I)
      .where(and(eq(I.runId, runId), eq(I.state, 'done'), isNull(I.checkMark)))
      .orderBy(asc(I.datasetId))
      .limit(PAGE);
  }

  async #markOf(item: MigrationItem, signal: AbortSignal): Promise<Mark> {
    const copy = await this.#side(item.replicaId, 'copy', signal);
    const source = await this.#side(item.sourceReplicaId, 'source', signal);
    if (copy.mark !== '=') return copy;
    // A copy that was found in place has no source of its own.
    if (item.sourceReplicaId !== null && source.mark !== '=') return source;
    if (item.sourceReplicaId !== null && copy.sha256 !== source.sha256)
      return { mark: '*', message: 'Both sides are as recorded, and differ from each other.' };
    return SAME;
  }

  async #side(
    replicaId: string | null,
    side: 'copy' | 'source',
    signal: AbortSignal,
  ): Promise<Mark & { sha256?: string | null }> {
    const replica = replicaId === null ? undefined : await this.#replicas.find(replicaId);
    if (replica === undefined) return { mark: '-', message: `The ${side} is not kept any more.` };
    try {
      const verdict = await this.#verifier.verify(replica.id, signal);
      if (verdict === 'verified') return { ...SAME, sha256: replica.objectSha256 };
      if (verdict === 'missing') return { mark: '-', message: `The object of the ${side} is not there.` };
      if (verdict === 'corrupt') return { mark: '*', message: `The object of the ${side} differs from its hash.` };
      return { mark: '!', message: `The ${side} is ${replica.state}.` };
    } catch (error) {
      if (!StorageError.is(error) || signal.aborted) throw error;
      return { mark: '!', message: `The ${side} could not be read: ${failureFacts(error).errorMessage}` };
    }
  }

  async #write({ runId, datasetId }: MigrationItem, { mark, message }: Mark): Promise<void> {
    await this.#db
      .update(I)
      .set({ checkMark: mark, checkMessage: message, checkedAt: sql`now()` })
      .where(and(eq(I.runId, runId), eq(I.datasetId, datasetId)));
  }
}
