import { z } from 'zod';
import { PHASES } from '@/lib/placement/phase.ts';
import type { PhaseEntry } from '@/lib/placement/phase-repository.ts';
import type { PhaseCheck, PhaseOverview } from '@/lib/placement/phase-service.ts';
import type { StorageStatus, StoreContents } from '@/lib/placement/storage-status.ts';
import type { StoreHealth } from '@/lib/placement/store-health.ts';

/** Phases and the state of the stores as the API shows them. */
const phaseName = z.enum(PHASES);

export const phaseChangeBody = z.strictObject({
  phase: phaseName,
  confirm: z.boolean().optional(),
  force: z.boolean().optional(),
  reason: z.string().max(1000).optional(),
});

const gateView = z.object({
  code: z.string(),
  title: z.string(),
  ok: z.boolean(),
  have: z.number(),
  need: z.number(),
  unit: z.string(),
  blockers: z.array(z.object({ id: z.string(), name: z.string(), reason: z.string() })),
  remedy: z.string().nullable(),
});

export const phaseCheckView = z.object({
  from: phaseName,
  phase: phaseName,
  ok: z.boolean(),
  gates: z.array(gateView),
});

const phaseEntryView = z.object({
  phase: phaseName,
  since: z.string(),
  actor: z.string(),
  forced: z.boolean(),
  reason: z.string().nullable(),
});

export const phaseView = phaseEntryView.extend({
  /** Newest first; empty for those who are no admins, as are next and previous. */
  history: z.array(phaseEntryView),
  next: phaseCheckView.nullable(),
  previous: z
    .object({
      phase: phaseName,
      consequences: z.array(z.string()),
      to_copy: z.object({ datasets: z.number(), bytes: z.number() }),
    })
    .nullable(),
});

export function showPhase({ current, history, next, previous }: PhaseOverview): z.infer<typeof phaseView> {
  return {
    ...showEntry(current),
    history: history.map(showEntry),
    next: next === undefined ? null : showCheck(next),
    previous:
      previous === undefined
        ? null
        : { phase: previous.phase, consequences: previous.consequences, to_copy: previous.toCopy },
  };
}

/** What everybody may know: where new datasets go, and since when. */
export function showPhaseToUser(current: PhaseEntry): z.infer<typeof phaseView> {
  const { phase, since } = showEntry(current);
  return { phase, since, actor: 'admin', forced: false, reason: null, history: [], next: null, previous: null };
}

export function showCheck(check: PhaseCheck): z.infer<typeof phaseCheckView> {
  return { ...check };
}

function showEntry(entry: PhaseEntry): z.infer<typeof phaseEntryView> {
  const { phase, actor, forced, reason } = entry;
  return { phase, since: entry.enteredAt.toISOString(), actor, forced, reason };
}

const storeView = z.object({
  provider: z.string(),
  endpoint: z.string().nullable(),
  bucket: z.string(),
  datasets: z.number(),
  bytes: z.number(),
  replicas: z.record(z.string(), z.number()),
  verified_within_30_days: z.number(),
  never_verified: z.number(),
  oldest_verified_at: z.string().nullable(),
});

const healthView = z.object({
  role: z.string(),
  provider: z.string(),
  endpoint: z.string().nullable(),
  bucket: z.string(),
  status: z.enum(['ok', 'failed']),
  circuit: z.enum(['closed', 'open', 'half_open']),
  error: z.string().nullable(),
  checked_at: z.string(),
});

export const storageStatusView = z.object({
  phase: phaseName,
  since: z.string(),
  datasets: z.object({
    total: z.number(),
    bytes: z.number(),
    uploading: z.number(),
    no_verified_copy: z.number(),
    one_verified_copy: z.number(),
    two_verified_copies: z.number(),
  }),
  stores: z.array(storeView),
  health: z.array(healthView),
  pending: z.array(z.object({ type: z.string(), queued: z.number(), running: z.number(), retrying: z.number() })),
  /** Of this server; null for those who are no admins. */
  host: z
    .object({
      spool_datasets: z.number(),
      spool_bytes: z.number(),
      free_bytes: z.number(),
      users_buckets_open: z.number(),
    })
    .nullable(),
});

export function showStorageStatus(status: StorageStatus): z.infer<typeof storageStatusView> {
  const { depth, host } = status;
  return {
    phase: status.phase.phase,
    since: status.phase.enteredAt.toISOString(),
    datasets: {
      ...{ total: depth.datasets, bytes: depth.bytes, uploading: depth.uploading },
      no_verified_copy: depth.noneVerified,
      one_verified_copy: depth.oneVerified,
      two_verified_copies: depth.twoOrMoreVerified,
    },
    stores: status.stores.map(showStore),
    health: status.health.map(showHealth),
    pending: status.jobs,
    host: host === null ? null : showHost(host),
  };
}

function showStore(store: StoreContents): z.infer<typeof storeView> {
  const { provider, endpoint, bucket, datasets, bytes, replicas } = store;
  return {
    ...{ provider, endpoint, bucket, datasets, bytes, replicas },
    verified_within_30_days: store.verifiedLately,
    never_verified: store.neverVerified,
    oldest_verified_at: store.oldestVerifiedAt,
  };
}

function showHealth({ ok, checkedAt, ...health }: StoreHealth): z.infer<typeof healthView> {
  return { ...health, status: ok ? 'ok' : 'failed', checked_at: checkedAt.toISOString() };
}

function showHost(host: NonNullable<StorageStatus['host']>) {
  return {
    spool_datasets: host.spoolDatasets,
    spool_bytes: host.spoolBytes,
    free_bytes: host.freeBytes,
    users_buckets_open: host.usersBuckets,
  };
}
