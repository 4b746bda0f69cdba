import { z } from 'zod';
import { decodeOptions, encodeOptions } from '@/lib/migration/runs/run-options.ts';
import {
  DEFAULT_CONCURRENCY,
  type MigrationItem,
  type MigrationOptions,
  type ObjectPlace,
  type RunSummary,
  type RunTotals,
} from '@/lib/migration/types.ts';
import { pageQuery } from './pagination.ts';

/** Migration runs and their items as the API shows them. */
const instantField = z.iso.datetime({ offset: true }).transform((text) => new Date(text));
const bytesField = z.number().int().min(0);
const ITEM_STATES = ['pending', 'copying', 'verifying', 'done', 'skipped', 'failed', 'quarantined'] as const;
const RUN_STATES = ['planned', 'running', 'paused', 'cancelling', 'cancelled', 'completed', 'failed'] as const;

export const newRunBody = z.strictObject({
  /** Only datasets of these users. */
  user_ids: z.array(z.string().min(1)).min(1).max(10_000).optional(),
  created_before: instantField.optional(),
  created_after: instantField.optional(),
  min_bytes: bytesField.optional(),
  max_bytes: bytesField.optional(),
  /** Objects at a time in each process, at most. */
  concurrency: z.number().int().min(1).max(256).default(DEFAULT_CONCURRENCY),
  /** Bytes a second that each process reads from sources, at most. */
  bwlimit_bytes_per_second: z.number().int().min(1024).nullable().default(null),
});

export const itemsQuery = pageQuery.extend({
  state: z.enum(ITEM_STATES).optional(),
  error: z.string().max(100).optional(),
});

export const reportQuery = z.object({ format: z.enum(['jsonl', 'csv']).default('jsonl') });

const errorView = z.object({ code: z.string(), message: z.string(), hint: z.string().nullable() });
const placeView = z.object({
  provider: z.string(),
  endpoint: z.string().nullable(),
  bucket: z.string(),
  key: z.string(),
});

export const runView = z.object({
  id: z.string(),
  state: z.enum(RUN_STATES),
  items_total: z.number(),
  counts: z.record(z.enum(ITEM_STATES), z.number()),
  bytes: z.object({ planned: z.number(), copied: z.number(), verified: z.number() }),
  rate_bytes_per_second: z.number(),
  eta_seconds: z.number().nullable(),
  options: z.record(z.string(), z.unknown()),
  errors: z.array(errorView.extend({ count: z.number() })),
  /** What reading both sides back found so far; `at`: when it was through. Null: never asked for. */
  check: z
    .object({
      same: z.number(),
      missing: z.number(),
      different: z.number(),
      errors: z.number(),
      at: z.string().nullable(),
    })
    .nullable(),
  workers: z.array(z.object({ owner: z.string(), rate_bytes_per_second: z.number(), concurrency: z.number() })),
  error: errorView.nullable(),
  actor: z.string(),
  created_at: z.string(),
  started_at: z.string().nullable(),
  finished_at: z.string().nullable(),
  rolled_back_at: z.string().nullable(),
});

export const itemView = z.object({
  dataset_id: z.string(),
  name: z.string(),
  user_id: z.string(),
  bytes: z.number().nullable(),
  state: z.enum(ITEM_STATES),
  attempts: z.number(),
  error: errorView.nullable(),
  bytes_copied: z.number(),
  rate_bytes_per_second: z.number(),
  eta_seconds: z.number().nullable(),
  source: placeView.nullable(),
  destination: placeView.nullable(),
  expected_sha256: z.string().nullable(),
  source_sha256: z.string().nullable(),
  destination_sha256: z.string().nullable(),
  check: z.object({ mark: z.enum(['=', '-', '*', '!']), message: z.string().nullable(), at: z.string() }).nullable(),
  started_at: z.string().nullable(),
  copied_at: z.string().nullable(),
  verified_at: z.string().nullable(),
  finished_at: z.string().nullable(),
});

export type RunView = z.infer<typeof runView>;
export type ItemView = z.infer<typeof itemView>;

export function optionsOf(body: z.infer<typeof newRunBody>): MigrationOptions {
  return {
    filters: {
      userIds: body.user_ids,
      createdBefore: body.created_before,
      createdAfter: body.created_after,
      minBytes: body.min_bytes,
      maxBytes: body.max_bytes,
    },
    concurrency: body.concurrency,
    bwlimitBytesPerSecond: body.bwlimit_bytes_per_second,
  };
}

export function showRun({ run, totals }: RunSummary): z.infer<typeof runView> {
  const { counts, bytes, errors } = totals;
  const rate = totals.workers.reduce((sum, worker) => sum + worker.bytesPerSecond, 0);
  return {
    id: run.id,
    state: run.state,
    items_total: Object.values(counts).reduce((sum, count) => sum + count, 0),
    counts,
    bytes,
    rate_bytes_per_second: Math.round(rate),
    eta_seconds: run.state === 'running' ? secondsLeft(bytes.planned - bytes.copied, rate) : null,
    options: { ...encodeOptions(decodeOptions(run.options)) },
    errors,
    check: showCheck(run.checkedAt, totals.checks),
    workers: totals.workers.map(({ owner, bytesPerSecond, concurrency }) => {
      return { owner, rate_bytes_per_second: Math.round(bytesPerSecond), concurrency };
    }),
    error: run.error as z.infer<typeof errorView> | null,
    actor: run.actor,
    created_at: run.createdAt.toISOString(),
    started_at: isoOrNull(run.startedAt),
    finished_at: isoOrNull(run.finishedAt),
    rolled_back_at: isoOrNull(run.rolledBackAt),
  };
}

export function showItem(item: MigrationItem, now = new Date()): z.infer<typeof itemView> {
  const rate = item.state === 'copying' && item.startedAt !== null ? rateSince(item, item.startedAt, now) : 0;
  return {
    dataset_id: item.datasetId,
    name: item.name,
    user_id: item.userId,
    bytes: item.sizeBytes,
    state: item.state,
    attempts: item.attempt,
    error:
      item.errorCode === null ? null : { code: item.errorCode, message: item.errorMessage ?? '', hint: item.errorHint },
    bytes_copied: item.bytesCopied,
    rate_bytes_per_second: Math.round(rate),
    eta_seconds: item.sizeBytes === null ? null : secondsLeft(item.sizeBytes - item.bytesCopied, rate),
    source: showPlace(item.source),
    destination: showPlace(item.destination),
    expected_sha256: item.expectedSha256,
    source_sha256: item.sourceSha256,
    destination_sha256: item.destinationSha256,
    check:
      item.checkMark === null || item.checkedAt === null
        ? null
        : { mark: item.checkMark, message: item.checkMessage, at: item.checkedAt.toISOString() },
    started_at: isoOrNull(item.startedAt),
    copied_at: isoOrNull(item.copiedAt),
    verified_at: isoOrNull(item.verifiedAt),
    finished_at: isoOrNull(item.finishedAt),
  };
}

function showCheck(at: Date | null, checks: RunTotals['checks']): z.infer<typeof runView>['check'] {
  const { '=': same, '-': missing, '*': different, '!': errors } = checks;
  if (at === null && same + missing + different + errors === 0) return null;
  return { same, missing, different, errors, at: isoOrNull(at) };
}

function showPlace(stored: MigrationItem['source']): z.infer<typeof placeView> | null {
  if (stored === null) return null;
  const { provider, endpoint, bucket, key } = stored as unknown as ObjectPlace;
  return { provider, endpoint, bucket, key };
}

function rateSince(item: MigrationItem, since: Date, now: Date): number {
  return (item.bytesCopied * 1000) / Math.max(1000, now.getTime() - since.getTime());
}

function secondsLeft(bytes: number, rate: number): number | null {
  if (bytes <= 0) return 0;
  return rate > 0 ? Math.ceil(bytes / rate) : null;
}

function isoOrNull(date: Date | null): string | null {
  return date === null ? null : date.toISOString();
}
