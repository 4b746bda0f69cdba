import { join } from 'node:path';
import { Background } from '@/lib/composition/background.ts';
import { composeDatasets, type DatasetParts } from '@/lib/composition/datasets.ts';
import { composePlacement, type PlacementParts } from '@/lib/composition/placement.ts';
import { composeStores, type Stores } from '@/lib/composition/stores.ts';
import type { Config } from '@/lib/config/config.ts';
import type { MasterKeys } from '@/lib/config/master-key.ts';
import type { DatabaseHandle } from '@/lib/db/database.ts';
import { installationId } from '@/lib/db/installation.ts';
import type { EventHub } from '@/lib/http/events.ts';
import { IngestPool } from '@/lib/ingest/pool/ingest-pool.ts';
import { JobQueue } from '@/lib/jobs/queue.ts';
import type { Logger } from '@/lib/observability/logger.ts';
import { IntegrityKeys } from '@/lib/placement/integrity.ts';
import { SpoolDirectory } from '@/lib/placement/spool/spool-directory.ts';

/** Datasets and everything they stand on: stores, placement, jobs. */
export interface DataPlane {
  readonly stores: Stores;
  readonly placement: PlacementParts;
  readonly datasets: DatasetParts;
  readonly jobs: JobQueue;
  /** Stops background work in order; what is unfinished is the next process's. */
  close(): Promise<void>;
}

export interface DataPlaneGround {
  config: Config;
  baseUrl: URL;
  log: Logger;
  keys: MasterKeys;
  database: DatabaseHandle;
  events: EventHub;
}

/** A request to a store that began so long ago has ended, one way or the other. */
const LONGEST_REQUEST_MS = 6 * 60 * 60 * 1000;
/** One copy is enough for an answer; the others get this long after it before they become a job. */
const RULES = { requiredCopies: 1, waitMs: 20_000 };

/** Opens the stores and the spool, recovers what an earlier process left, and starts the background work. */
export async function composeDataPlane(ground: DataPlaneGround): Promise<DataPlane> {
  const { config, keys, database, log, events } = ground;
  const { db } = database;
  const installation = await installationId(db);
  const stores = await composeStores(ground);
  const directory = await SpoolDirectory.open(config.spoolDir, installation);
  const jobs = new JobQueue(db);
  const pool = new IngestPool({ threads: config.limits.ingestThreads });
  const parts = {
    ...{ db, directory, jobs, log, pool, rules: RULES },
    registry: stores.registry,
    keys: new IntegrityKeys([keys.derive('manifest'), ...keys.derivePrevious('manifest')]),
    installationId: installation,
    longestRequestMs: LONGEST_REQUEST_MS,
    limits: config.limits,
    uploadsFolder: join(config.dataDir, 'uploads'),
    manifestStores: [stores.base],
    notify: events.publish.bind(events),
  };
  const placed = composePlacement(parts);
  const datasets = await composeDatasets(parts, placed);
  const background = new Background({ db, queue: jobs, log, placed, datasets, sweepStores: () => stores.sweep() });
  await datasets.caretaker.start();
  await background.start();
  const stop = async () => {
    await datasets.caretaker.stop();
    await background.stop();
    await pool.close();
    await directory.close();
  };
  let stopped: Promise<void> | undefined;
  const close = () => {
    stopped ??= stop();
    return stopped;
  };
  return { stores, placement: placed, datasets, jobs, close };
}
