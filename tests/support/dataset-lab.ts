import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eq } from 'drizzle-orm';
import { AuditLog } from '@/lib/accounts/audit-log.ts';
import { type AdoptionParts, composeAdoption } from '@/lib/composition/adoption.ts';
import { composeDatasets, type DatasetParts } from '@/lib/composition/datasets.ts';
import { composePlacement, type PlacementParts } from '@/lib/composition/placement.ts';
import type { DatasetDraft } from '@/lib/datasets/dataset-draft.ts';
import type { Database } from '@/lib/db/database.ts';
import { type JobState, jobs as jobsTable } from '@/lib/db/schema.ts';
import { IngestPool } from '@/lib/ingest/pool/ingest-pool.ts';
import type { Job } from '@/lib/jobs/job.ts';
import { JobQueue } from '@/lib/jobs/queue.ts';
import { ADOPTION_JOBS, type AdoptionSweep } from '@/lib/migration/adopt/adoption-sweep.ts';
import { silentLogger } from '@/lib/observability/logger.ts';
import { IntegrityKeys } from '@/lib/placement/integrity.ts';
import { PLACEMENT_JOBS } from '@/lib/placement/job-types.ts';
import type { Phase } from '@/lib/placement/phase.ts';
import { SpoolDirectory } from '@/lib/placement/spool/spool-directory.ts';
import { addressOf, type StoreRegistry, sameStore, storesOfPhase } from '@/lib/placement/store-registry.ts';
import { FilesystemStorageService } from '@/lib/storage/filesystem-storage-service.ts';
import { FileUrlSigner } from '@/lib/storage/signed-file-url.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';
import { spooledFile } from './spooled-file.ts';
import { StoreAs } from './store-as.ts';

const LIMITS = {
  maxUploadBytes: 64 << 20,
  maxRecordBytes: 8 << 20,
  gzipLevel: 6,
  ingestConcurrency: 2,
  diskReserveBytes: 0,
};

export const INSTALLATION = 'installation-1';

export interface LabOptions {
  waitMs?: number;
  /** Puts something between the lab and a store. */
  wrap?: (service: StorageService, name: 'base' | 'bucket') => StorageService;
}

export interface Damage {
  datasetId: string;
  verdict: string;
}

/** One process over a folder that outlives it: everything from the spool to two stores, on a real database. */
export class DatasetLab {
  readonly folder: string;
  readonly base: StoreAs;
  readonly bucket: StoreAs;
  readonly directory: SpoolDirectory;
  readonly placed: PlacementParts;
  readonly parts: DatasetParts;
  readonly adoption: AdoptionParts;
  readonly sweep: AdoptionSweep;
  /** Damage that was told, in order. */
  readonly damage: Damage[];
  readonly keys: IntegrityKeys;
  readonly registry: StoreRegistry;
  readonly #jobs: JobQueue;
  readonly #db: Database;
  #ended = false;

  private constructor(lab: {
    folder: string;
    base: StoreAs;
    bucket: StoreAs;
    directory: SpoolDirectory;
    placed: PlacementParts;
    parts: DatasetParts;
    adoption: AdoptionParts;
    damage: Damage[];
    keys: IntegrityKeys;
    registry: StoreRegistry;
    jobs: JobQueue;
    db: Database;
  }) {
    this.folder = lab.folder;
    this.base = lab.base;
    this.bucket = lab.bucket;
    this.directory = lab.directory;
    this.placed = lab.placed;
    this.parts = lab.parts;
    this.adoption = lab.adoption;
    this.sweep = lab.adoption.sweepOf(lab.parts);
    this.damage = lab.damage;
    this.keys = lab.keys;
    this.registry = lab.registry;
    this.#jobs = lab.jobs;
    this.#db = lab.db;
  }

  static async folder(): Promise<string> {
    return mkdtemp(join(tmpdir(), 'longshore-lab-'));
  }

  /** A process on `folder`. A second one on the same folder stands for the next process after a crash, or a neighbour. */
  static async open(db: Database, folder: string, options: LabOptions = {}): Promise<DatasetLab> {
    const signer = new FileUrlSigner({ publicUrl: 'http://x', keys: [{ id: 'k', secret: Buffer.alloc(32, 1) }] });
    const store = (name: string) => FilesystemStorageService.open({ root: join(folder, name), signer });
    const { wrap = (service: StorageService) => service } = options;
    const base = new StoreAs(wrap(await store('base'), 'base'), 'filesystem');
    const bucket = new StoreAs(wrap(await store('bucket'), 'bucket'), 's3');
    const directory = await SpoolDirectory.open(join(folder, 'spool'), INSTALLATION);
    const jobs = new JobQueue(db);
    const damage: Damage[] = [];
    const ground = {
      db,
      registry: registryOf(base, bucket),
      directory,
      jobs,
      keys: new IntegrityKeys([Buffer.alloc(32, 7)]),
      installationId: INSTALLATION,
      longestRequestMs: 0,
      watch: {
        damaged: async ({ datasetId }: { datasetId: string }, verdict: string) =>
          void damage.push({ datasetId, verdict }),
        proved: async () => undefined,
      },
      audit: new AuditLog(db),
      log: silentLogger(),
      pool: new IngestPool({ threads: 1 }),
      limits: LIMITS,
      uploadsFolder: join(folder, 'uploads'),
      manifestStores: [base.service],
      notify: () => undefined,
      rules: { requiredCopies: 1, waitMs: options.waitMs ?? 60_000 },
    };
    const placed = composePlacement(ground);
    const config = { adoption: { bytesPerSecond: Number.MAX_SAFE_INTEGER } };
    const adoption = composeAdoption({ ...ground, config, baseStore: base.service, placed });
    const learn = async (id: string) => void (await adoption.inspector.inspect(id));
    return new DatasetLab({
      folder,
      base,
      bucket,
      directory,
      placed,
      parts: await composeDatasets({ ...ground, learn }, placed),
      adoption,
      damage,
      keys: ground.keys,
      registry: ground.registry,
      jobs,
      db,
    });
  }

  async draft(
    records: readonly unknown[] = [{ messages: [] }],
    more: Partial<DatasetDraft> = {},
  ): Promise<DatasetDraft> {
    const { spooled, report } = await spooledFile(this.directory.workFolder, records);
    return {
      userId: 'ada',
      name: 'test',
      description: null,
      report,
      spooled,
      idempotency: null,
      uploadId: null,
      ...more,
    };
  }

  async enterPhase(db: Database, phase: Phase): Promise<void> {
    await db.transaction((tx) => this.placed.phases.enter(tx, { phase, actor: 'test' }));
  }

  /** Runs queued jobs one after another, and those that they queue, until none is left. A failing one is thrown. */
  async runJobs(): Promise<void> {
    for (;;) {
      const [job] = (await this.#jobs.list({ states: ['queued'], limit: 500 })).slice(-1);
      if (job === undefined) return;
      await this.#settle(job.id, 'running');
      try {
        await this.#run(job);
        await this.#settle(job.id, 'completed');
      } catch (error) {
        await this.#settle(job.id, 'failed');
        throw error;
      }
    }
  }

  async #settle(id: string, state: JobState): Promise<void> {
    await this.#db.update(jobsTable).set({ state }).where(eq(jobsTable.id, id));
  }

  /** Every key in both stores, and every file in the spool and in the manifests' folder. */
  async remains(): Promise<{ base: string[]; bucket: string[]; spool: string[]; manifests: string[] }> {
    const keys = async (store: StoreAs) => (await store.service.list('')).objects.map((object) => object.key);
    const work = await readdir(join(this.folder, 'spool', 'work'), { recursive: true, withFileTypes: true });
    const spool = work.filter((entry) => entry.isFile() && entry.name !== 'lock').map((entry) => entry.name);
    const manifests = await readdir(this.directory.manifestFolder);
    return { base: await keys(this.base), bucket: await keys(this.bucket), spool, manifests };
  }

  /**
   * The process ends without a word: its lock is free and its leases stand, whatever it was doing goes nowhere. (Work
   * that the test holds back and lets go later stands for a stalled process that wakes.)
   */
  async crash(): Promise<void> {
    this.#ended = true;
    await this.directory.abandon();
  }

  /** What start-up and the sweeps do, until nothing is left to be done. */
  async recover(): Promise<void> {
    await this.parts.manifestReconciler.reconcileHost();
    await this.parts.janitor.sweepFiles();
    await this.parts.janitor.sweep();
    await this.parts.janitor.settled();
    await this.runJobs();
    await this.parts.janitor.sweepFiles();
  }

  async close(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.parts.janitor.settled();
    await this.directory.close();
  }

  async dispose(): Promise<void> {
    await this.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  async #run(job: Job): Promise<void> {
    const { worker, reconciler, cleaner, scrubber } = this.placed;
    const id = String(job.payload.replica_id ?? job.payload.dataset_id ?? '');
    if (job.type === PLACEMENT_JOBS.write) await worker.write(id);
    else if (job.type === PLACEMENT_JOBS.verify) await worker.verify(id);
    else if (job.type === PLACEMENT_JOBS.retire) await worker.retire(id);
    else if (job.type === PLACEMENT_JOBS.remove) await worker.remove(id);
    else if (job.type === PLACEMENT_JOBS.reconcile) await reconciler.reconcileAll();
    else if (job.type === PLACEMENT_JOBS.inspect) await this.adoption.inspector.inspect(id);
    else if (job.type === ADOPTION_JOBS.read) await this.adoption.readings.work(Number(job.payload.slice));
    else if (job.type === PLACEMENT_JOBS.tombstones) await cleaner.checkTombstones();
    else if (job.type === PLACEMENT_JOBS.scrubSlice) await scrubber.work(String(job.payload.run_id), job.id);
    else await this.parts.remover.cleanUp(id);
  }
}

function registryOf(base: StoreAs, bucket: StoreAs): StoreRegistry {
  const targets = { base: addressOf(base.service, null), bucket: addressOf(bucket.service, null) };
  return {
    wanted: async (_userId, phase) => storesOfPhase(phase, targets),
    resolve: async (address) => {
      if (sameStore(address, targets.base)) return base.service;
      if (sameStore(address, targets.bucket)) return bucket.service;
      throw new Error('no such store');
    },
  };
}
