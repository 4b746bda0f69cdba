import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { DatasetParts } from '@/lib/composition/datasets.ts';
import type { DeployParts } from '@/lib/composition/deploy.ts';
import type { MigrationParts } from '@/lib/composition/migration.ts';
import type { PlacementParts } from '@/lib/composition/placement.ts';
import type { TrainingParts } from '@/lib/composition/training.ts';
import { DATASET_JOBS } from '@/lib/datasets/job-types.ts';
import type { Database } from '@/lib/db/database.ts';
import { JobClaims } from '@/lib/jobs/claims.ts';
import type { JobContext } from '@/lib/jobs/handler.ts';
import type { ClaimedJob } from '@/lib/jobs/job.ts';
import type { JobQueue } from '@/lib/jobs/queue.ts';
import { JobRunner } from '@/lib/jobs/runner.ts';
import { type Schedule, Schedules } from '@/lib/jobs/schedules.ts';
import { ADOPTION_JOBS, type AdoptionSweep } from '@/lib/migration/adopt/adoption-sweep.ts';
import type { FirstReadings } from '@/lib/migration/adopt/first-readings.ts';
import type { Inspector } from '@/lib/migration/adopt/inspector.ts';
import { MIGRATION_JOBS } from '@/lib/migration/job-types.ts';
import type { Logger } from '@/lib/observability/logger.ts';
import { PLACEMENT_JOBS } from '@/lib/placement/job-types.ts';
import type { StorageHistory } from '@/lib/placement/storage-history.ts';
import { enqueueSecretJobs, registerSecretJobs } from '@/lib/secrets/secret-jobs.ts';
import type { Secrets } from '@/lib/secrets/secrets.ts';
import { DEPLOY_JOBS } from '@/lib/training/deploy/machine-watch.ts';
import { TRAINING_JOBS } from '@/lib/training/jobs/remote-resources.ts';

export interface BackgroundGround {
  db: Database;
  queue: JobQueue;
  log: Logger;
  placed: PlacementParts;
  datasets: DatasetParts;
  migration: MigrationParts;
  secrets: Secrets;
  storageHistory: StorageHistory;
  scrubIntervalMs: number;
  jobLogRetentionMs: number;
  adoption: { inspector: Inspector; readings: FirstReadings; sweep: AdoptionSweep };
  /** Tells the pages of all admins. */
  tellAdmins(event: { topic: 'storage'; type: string; subject: string }): void;
  /** Tells the pages of one user. */
  tell(userId: string, event: { topic: 'dataset'; type: string; subject: string }): void;
  training: TrainingParts;
  deploy: DeployParts;
}

const MINUTE_MS = 60_000;
/** Lines of logs in one statement. */
const PURGED_AT_ONCE = 5000;
const SCHEDULES: readonly Schedule[] = [
  { name: PLACEMENT_JOBS.reconcile, jobType: PLACEMENT_JOBS.reconcile, everyMs: 10 * MINUTE_MS },
  { name: PLACEMENT_JOBS.tombstones, jobType: PLACEMENT_JOBS.tombstones, everyMs: 10 * MINUTE_MS },
  { name: PLACEMENT_JOBS.sample, jobType: PLACEMENT_JOBS.sample, everyMs: 60 * MINUTE_MS },
  { name: TRAINING_JOBS.purgeLogs, jobType: TRAINING_JOBS.purgeLogs, everyMs: 60 * MINUTE_MS },
  { name: ADOPTION_JOBS.sweep, jobType: ADOPTION_JOBS.sweep, everyMs: MINUTE_MS },
  { name: DEPLOY_JOBS.watch, jobType: DEPLOY_JOBS.watch, everyMs: 15_000 },
  { name: DATASET_JOBS.housekeeping, jobType: DATASET_JOBS.housekeeping, everyMs: 30 * MINUTE_MS },
  { name: MIGRATION_JOBS.watch, jobType: MIGRATION_JOBS.watch, everyMs: MINUTE_MS },
];

/** Runs the jobs of placement, datasets and secrets in this process. */
export class Background {
  readonly #ground: BackgroundGround;
  readonly #runner: JobRunner;
  readonly #schedules: Schedules;

  constructor(ground: BackgroundGround) {
    const { db, queue, log } = ground;
    this.#ground = ground;
    this.#schedules = new Schedules(db, queue);
    const owner = `${hostname()}:${process.pid}:${randomBytes(4).toString('hex')}`;
    this.#runner = new JobRunner({ queue, claims: new JobClaims(db), schedules: this.#schedules, owner, log });
    registerPlacement(this.#runner, ground);
    registerScrub(this.#runner, ground);
    registerDatasets(this.#runner, ground);
    registerMigration(this.#runner, ground.migration);
    registerAdoption(this.#runner, ground);
    registerSecretJobs(this.#runner, ground.secrets);
    registerTraining(this.#runner, ground);
  }

  async start(): Promise<void> {
    for (const schedule of SCHEDULES) await this.#schedules.ensure(schedule);
    const everyMs = Math.min(60 * MINUTE_MS, this.#ground.scrubIntervalMs);
    await this.#schedules.ensure({ name: PLACEMENT_JOBS.scrub, jobType: PLACEMENT_JOBS.scrub, everyMs });
    await enqueueSecretJobs({ queue: this.#ground.queue, schedules: this.#schedules }, this.#ground.secrets);
    this.#runner.start();
  }

  async stop(): Promise<void> {
    await this.#runner.stop();
  }
}

function registerPlacement(runner: JobRunner, { placed, storageHistory, tell }: BackgroundGround): void {
  const { worker, reconciler, cleaner } = placed;
  const replicaId = (job: ClaimedJob) => String(job.payload.replica_id);
  runner.register(PLACEMENT_JOBS.write, (job, { signal }) => worker.write(replicaId(job), { signal }), {
    concurrency: 4,
  });
  runner.register(PLACEMENT_JOBS.verify, (job, { signal }) => worker.verify(replicaId(job), signal), {
    concurrency: 4,
  });
  runner.register(PLACEMENT_JOBS.retire, (job, { signal }) => worker.retire(replicaId(job), signal));
  const remove = async (job: ClaimedJob, { signal }: JobContext) => {
    const gone = await worker.remove(replicaId(job), signal);
    if (gone !== undefined) tell(gone.userId, { topic: 'dataset', type: 'updated', subject: gone.datasetId });
  };
  runner.register(PLACEMENT_JOBS.remove, remove, { concurrency: 4 });
  runner.register(PLACEMENT_JOBS.reconcile, (job, context) => reconcileAll(reconciler, job, context));
  runner.register(PLACEMENT_JOBS.sample, () => storageHistory.sample());
  runner.register(PLACEMENT_JOBS.tombstones, async (_job, { signal }) => {
    return { looked_at: await cleaner.checkTombstones(500, signal) };
  });
}

async function reconcileAll(
  reconciler: PlacementParts['reconciler'],
  job: ClaimedJob,
  context: JobContext,
): Promise<unknown> {
  const onProgress = (datasets: number) => context.progress({ datasets });
  const userId = job.userId ?? undefined;
  return { datasets: await reconciler.reconcileAll(context.signal, onProgress, userId) };
}

function registerScrub(runner: JobRunner, { placed: { scrub, scrubber }, tellAdmins }: BackgroundGround): void {
  runner.register(PLACEMENT_JOBS.scrub, async () => {
    const run = await scrub.startDue();
    return { run_id: run?.id ?? null };
  });
  const slice = async (job: ClaimedJob, { signal, progress }: JobContext) => {
    const runId = String(job.payload.run_id);
    const owner = `${job.owner}:${job.id}:${job.fence}`;
    const ended = await scrubber.work(runId, owner, { signal, onChecked: (checked) => progress({ checked }) });
    if (ended) tellAdmins({ topic: 'storage', type: 'scrub_finished', subject: runId });
  };
  runner.register(PLACEMENT_JOBS.scrubSlice, slice, { concurrency: 2 });
}

function registerDatasets(runner: JobRunner, { datasets, db }: BackgroundGround): void {
  const { remover } = datasets;
  const cleanUp = (job: ClaimedJob, { signal }: JobContext) => remover.cleanUp(String(job.payload.dataset_id), signal);
  runner.register(DATASET_JOBS.cleanUp, cleanUp, { concurrency: 4 });
  const manifest = (job: ClaimedJob) => datasets.publisher.publish(String(job.payload.replica_id));
  runner.register(DATASET_JOBS.manifest, manifest, { concurrency: 4 });
  runner.register(DATASET_JOBS.housekeeping, async () => {
    const left = await datasets.datasets.deleted(500);
    for (const dataset of left) await remover.queueCleanUp(db, dataset);
    return { clean_ups: left.length };
  });
}

/** One job of a run at a time in each process: the work within it is parallel. */
function registerMigration(runner: JobRunner, migration: MigrationParts): void {
  const { worker, service, checker, removalWorker } = migration;
  const work = async (job: ClaimedJob, { signal }: JobContext) => {
    const owner = `${job.owner}:${job.fence}:${job.id}`;
    const run = await worker.work(String(job.payload.run_id), owner, signal);
    return { state: run.state };
  };
  runner.register(MIGRATION_JOBS.run, work, { backoff: { maxMs: 10_000 } });
  runner.register(MIGRATION_JOBS.check, async (job, { signal, progress }) => {
    const told = (checked: number) => progress({ checked });
    return { checked: await checker.check(String(job.payload.run_id), signal, told) };
  });
  const removal = (job: ClaimedJob) => String(job.payload.removal_id);
  runner.register(MIGRATION_JOBS.list, (job, { signal }) => removalWorker.list(removal(job), signal));
  runner.register(MIGRATION_JOBS.remove, (job, { signal }) => removalWorker.apply(removal(job), signal));
  runner.register(MIGRATION_JOBS.watch, async () => ({ run_id: (await service.watch()) ?? null }));
}

function registerAdoption(runner: JobRunner, { adoption: { inspector, readings, sweep } }: BackgroundGround): void {
  runner.register(ADOPTION_JOBS.sweep, (_job, { signal }) => sweep.run(signal));
  const inspect = (job: ClaimedJob, { signal }: JobContext) =>
    inspector.inspect(String(job.payload.dataset_id), signal);
  runner.register(PLACEMENT_JOBS.inspect, inspect, { concurrency: 2 });
  runner.register(ADOPTION_JOBS.read, async (job, { signal, progress }) => {
    return { read: await readings.work(Number(job.payload.slice), signal, (read) => progress({ read })) };
  });
}

function registerTraining(runner: JobRunner, { training, deploy, jobLogRetentionMs }: BackgroundGround): void {
  deploy.dag.register(runner);
  runner.register(DEPLOY_JOBS.watch, async (_job, { signal }) => ({ machines: await deploy.watch.look(signal) }));
  runner.register(TRAINING_JOBS.purgeLogs, async (_job, { signal, progress }) => {
    let dropped = 0;
    for (let last = PURGED_AT_ONCE; last === PURGED_AT_ONCE && !signal.aborted; dropped += last) {
      last = await training.repository.purgeLogs(jobLogRetentionMs, PURGED_AT_ONCE);
      progress({ dropped: dropped + last });
    }
    return { dropped };
  });
  runner.register(TRAINING_JOBS.endRemote, (job) => training.remotes.end(job.payload), { concurrency: 4 });
}
