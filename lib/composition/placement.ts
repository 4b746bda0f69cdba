import type { Database } from '@/lib/db/database.ts';
import type { IntegrityKeys } from '@/lib/placement/integrity.ts';
import { type JobSink, PLACEMENT_JOBS } from '@/lib/placement/job-types.ts';
import { PhaseRepository } from '@/lib/placement/phase-repository.ts';
import { Placement } from '@/lib/placement/placement.ts';
import { PlacementWorker } from '@/lib/placement/placement-worker.ts';
import { Reconciler } from '@/lib/placement/reconciler.ts';
import { ReplicaCleaner } from '@/lib/placement/replica-cleaner.ts';
import { ReplicaDeleter } from '@/lib/placement/replica-deleter.ts';
import { ReplicaRepository } from '@/lib/placement/replica-repository.ts';
import { ReplicaSources } from '@/lib/placement/replica-source.ts';
import { ReplicaVerifier, type ReplicaWatch } from '@/lib/placement/replica-verifier.ts';
import { ReplicaWriter } from '@/lib/placement/replica-writer.ts';
import { ScrubRepository } from '@/lib/placement/scrub/scrub-repository.ts';
import { ScrubService } from '@/lib/placement/scrub/scrub-service.ts';
import { Scrubber, type ScrubSettings } from '@/lib/placement/scrub/scrubber.ts';
import { Sentinels } from '@/lib/placement/sentinel.ts';
import type { SpoolDirectory } from '@/lib/placement/spool/spool-directory.ts';
import { SpoolKeeper } from '@/lib/placement/spool/spool-keeper.ts';
import { SpoolRepository } from '@/lib/placement/spool/spool-repository.ts';
import type { StoreRegistry } from '@/lib/placement/store-registry.ts';
import { TombstoneRepository } from '@/lib/placement/tombstone-repository.ts';

export interface PlacementGround {
  db: Database;
  registry: StoreRegistry;
  directory: SpoolDirectory;
  jobs: JobSink;
  keys: IntegrityKeys;
  installationId: string;
  /** After this no request that was started before can still leave an object. */
  longestRequestMs: number;
  /** Default: as fast as it goes, every month. */
  scrub?: ScrubSettings;
  /** Told of damage, and of copies that prove themselves for the first time. */
  watch?: ReplicaWatch;
}

const SCRUB: ScrubSettings = { bytesPerSecond: Number.MAX_SAFE_INTEGER, intervalMs: 30 * 24 * 3_600_000 };

/** Everything that decides where copies are, and moves them. */
export type PlacementParts = ReturnType<typeof composePlacement>;

export function composePlacement(ground: PlacementGround) {
  const { db, registry, directory, jobs, keys, installationId } = ground;
  const replicas = new ReplicaRepository(db);
  const phases = new PhaseRepository(db);
  const tombstones = new TombstoneRepository(db, ground.longestRequestMs);
  const spools = new SpoolRepository(db, directory);
  const keeper = new SpoolKeeper(db, directory, spools);
  const sentinels = new Sentinels();
  const placement = new Placement({ db, phases, registry });
  const cleaner = new ReplicaCleaner({ replicas, tombstones, registry });
  const writer = new ReplicaWriter({ replicas, registry, cleaner, sentinels, keys, installationId });
  const verifier = new ReplicaVerifier({ replicas, registry, sentinels, watch: ground.watch });
  const sources = new ReplicaSources({ spools, keeper, directory, replicas, registry });
  const deleter = new ReplicaDeleter({ db, replicas, tombstones, verifier, jobs });
  const reconciler = new Reconciler({ db, placement, replicas, spools: keeper, jobs });
  const worker = new PlacementWorker({ db, replicas, sources, writer, verifier, deleter, cleaner, reconciler });
  const scrubRows = new ScrubRepository(db);
  const settings = ground.scrub ?? SCRUB;
  const scrub = new ScrubService({ repository: scrubRows, jobs, settings });
  const scrubber = new Scrubber({ repository: scrubRows, verifier, reconciler, settings });
  return {
    ...{ replicas, phases, tombstones, spools, keeper, placement, cleaner, writer, verifier, sources, deleter },
    ...{ reconciler, worker, scrub, scrubber, sentinels },
    reconcileSoon: (userId: string | undefined) => queueReconcile(jobs, userId),
  };
}

/** A pass of the reconciler over everything, or over one user's datasets; one that waits already stands for it. */
async function queueReconcile(jobs: JobSink, userId: string | undefined): Promise<string> {
  const type = PLACEMENT_JOBS.reconcile;
  const dedupeKey = userId === undefined ? `schedule:${type}` : `${type}:${userId}`;
  return (await jobs.enqueue({ type, userId, dedupeKey })).id;
}
