import type { AuditLog } from '@/lib/accounts/audit-log.ts';
import type { PlacementParts } from '@/lib/composition/placement.ts';
import type { Config } from '@/lib/config/config.ts';
import type { Database } from '@/lib/db/database.ts';
import type { EventHub } from '@/lib/http/events.ts';
import type { Readiness } from '@/lib/http/readiness.ts';
import { BucketCheck } from '@/lib/placement/bucket-check.ts';
import type { InstallationStores } from '@/lib/placement/installation-stores.ts';
import type { JobSink } from '@/lib/placement/job-types.ts';
import { PhaseService } from '@/lib/placement/phase-service.ts';
import { StorageStatusService } from '@/lib/placement/storage-status.ts';
import type { StoreHealthMonitor } from '@/lib/placement/store-health.ts';
import type { InstallationDoctor } from '@/lib/secrets/doctor/installation-doctor.ts';

export interface PhasesGround {
  config: Config;
  db: Database;
  registry: InstallationStores;
  doctor: InstallationDoctor;
  audit: AuditLog;
  events: EventHub;
  readiness: Readiness;
  health: StoreHealthMonitor;
  placement: PlacementParts;
  jobs: JobSink;
}

/** What says where the installation stands, and moves it from phase to phase. */
export interface Phases {
  readonly phases: PhaseService;
  readonly storageStatus: StorageStatusService;
}

export function composePhases(ground: PhasesGround): Phases {
  const { config, db, registry, doctor, audit, events, jobs, health } = ground;
  const { phases } = ground.placement;
  const now = () => new Date();
  const buckets = new BucketCheck({
    ...{ db, registry, now },
    examinePlatform: (signal) => doctor.examinePlatformBucket(signal),
    hasPlatform: config.platformBucket?.credentials !== undefined,
  });
  const onChange = (phase: string) => events.publishToAdmins({ topic: 'storage', type: 'phase', subject: phase });
  ground.readiness.watchStores(() => readyStores(health));
  return {
    phases: new PhaseService({ ...{ db, phases, buckets, jobs, audit, onChange, now } }),
    storageStatus: new StorageStatusService({ db, phases, health, spoolFolder: config.spoolDir }),
  };
}

/** For /readyz, which anybody may ask: which part of the installation is well, and no name of a bucket. */
async function readyStores(health: StoreHealthMonitor): Promise<Record<string, boolean>> {
  const own = await health.own();
  const { opened, unwell } = health.usersBuckets();
  const named = own.filter(({ role }) => role !== 'former').map(({ role, ok }) => [`${role}_store`, ok] as const);
  const users = opened === 0 ? [] : [['user_buckets', unwell.length < opened] as const];
  return Object.fromEntries([...named, ...users]);
}
