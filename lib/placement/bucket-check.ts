import type { Database } from '@/lib/db/database.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { usersWithBucket, usersWithDatasets } from '@/lib/placement/phase-facts.ts';
import type { BucketCount, GateBlocker } from '@/lib/placement/phase-gates.ts';
import type { StoreRegistry } from '@/lib/placement/store-registry.ts';
import type { DoctorReport } from '@/lib/secrets/doctor/report.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';

export interface BucketCheckParts {
  db: Database;
  registry: StoreRegistry;
  /** The doctor's word on the installation's own bucket; null where there is none. */
  examinePlatform(signal?: AbortSignal): Promise<DoctorReport | null>;
  /** Whether the installation has a bucket of its own for users who have none. */
  hasPlatform: boolean;
  now: () => Date;
}

type Verdict = { ok: true } | { ok: false; blocker: GateBlocker };

const AT_ONCE = 8;
const PROBE_TIMEOUT_MS = 5_000;
/** A doctor's visit makes and removes an object: not at every look at the page. */
const BELIEVED_MS = 60_000;
/** How many users' buckets are tried before it is said that none works. */
const TRIED_AT_MOST = 40;

/**
 * Asks buckets whether they work, for the gates of the phases. A user's secret is active because it passed the doctor;
 * that its bucket still answers is asked again here.
 */
export class BucketCheck {
  readonly #parts: BucketCheckParts;
  readonly #believed = new Map<string, { verdict: Verdict; until: number }>();

  constructor(parts: BucketCheckParts) {
    this.#parts = parts;
  }

  get hasPlatform(): boolean {
    return this.#parts.hasPlatform;
  }

  /** Whether there is any bucket that works: the platform's, else some user's. */
  async any(signal?: AbortSignal): Promise<BucketCount> {
    const blockers: GateBlocker[] = [];
    if (this.hasPlatform) {
      const verdict = await this.#platform(signal);
      if (verdict.ok) return { working: 1, asked: 1, blockers };
      blockers.push(verdict.blocker);
    }
    const users = await usersWithBucket(this.#parts.db, TRIED_AT_MOST);
    for (const [index, userId] of users.entries()) {
      const verdict = await this.#user(userId, signal);
      if (verdict.ok) return { working: 1, asked: index + 1, blockers };
      blockers.push(verdict.blocker);
    }
    return { working: 0, asked: users.length, blockers };
  }

  /** Whether every user with datasets has a bucket that answers. */
  async everyUser(signal?: AbortSignal): Promise<BucketCount> {
    const users = await usersWithDatasets(this.#parts.db);
    const blockers: GateBlocker[] = [];
    for (let start = 0; start < users.length; start += AT_ONCE) {
      const some = users.slice(start, start + AT_ONCE);
      const verdicts = await Promise.all(some.map((userId) => this.#user(userId, signal)));
      for (const verdict of verdicts) if (!verdict.ok) blockers.push(verdict.blocker);
    }
    return { working: users.length - blockers.length, asked: users.length, blockers };
  }

  #platform(signal: AbortSignal | undefined): Promise<Verdict> {
    return this.#believe('platform', async () => {
      const report = await this.#parts.examinePlatform(signal);
      if (report?.status === 'ok') return { ok: true };
      const reason = report?.summary ?? 'There is no platform bucket that can be examined.';
      return { ok: false, blocker: { id: 'platform', name: 'platform bucket', reason } };
    });
  }

  async #user(userId: string, signal: AbortSignal | undefined): Promise<Verdict> {
    const blocked = (name: string, reason: string): Verdict => ({ ok: false, blocker: { id: userId, name, reason } });
    const targets = await this.#parts.registry.wanted(userId, 'dual_write');
    const target = targets.find(({ provider }) => provider === 's3');
    if (target === undefined) return blocked('no bucket', 'has no bucket');
    return this.#believe(`${target.secretId ?? 'platform'} ${target.endpoint ?? ''} ${target.bucket}`, async () => {
      const reason = await this.#faultOf({ ...target, userId }, signal);
      return reason === undefined ? { ok: true } : blocked(target.bucket, reason);
    });
  }

  /** What is wrong with a bucket; undefined when it answers. */
  async #faultOf(
    address: Parameters<StoreRegistry['resolve']>[0],
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    const limit = AbortSignal.timeout(PROBE_TIMEOUT_MS);
    try {
      const service = await this.#parts.registry.resolve(address);
      await service.probe(signal === undefined ? limit : AbortSignal.any([signal, limit]));
      return undefined;
    } catch (error) {
      signal?.throwIfAborted();
      if (limit.aborted) return 'its bucket does not answer';
      if (StorageError.is(error)) return `its bucket refuses (${error.code})`;
      if (error instanceof LongshoreError) return error.message;
      throw error;
    }
  }

  async #believe(key: string, ask: () => Promise<Verdict>): Promise<Verdict> {
    const now = this.#parts.now().getTime();
    const known = this.#believed.get(key);
    if (known !== undefined && known.until > now) return known.verdict;
    const verdict = await ask();
    // A failure is asked again at once: somebody may just have mended it.
    if (verdict.ok) this.#believed.set(key, { verdict, until: now + BELIEVED_MS });
    else this.#believed.delete(key);
    return verdict;
  }
}
