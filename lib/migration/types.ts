import type { migrationItems, migrationRuns } from '@/lib/db/schema.ts';
import type { StoreAddress } from '@/lib/placement/store-registry.ts';

export type { CheckMark, MigrationItemState, MigrationRunState } from '@/lib/db/schema.ts';

export type MigrationRun = typeof migrationRuns.$inferSelect;
export type MigrationItem = typeof migrationItems.$inferSelect;

/** Which datasets a run moves. Everything that is given must hold; nothing given: all. */
export interface MigrationFilters {
  userIds?: readonly string[];
  createdBefore?: Date;
  createdAfter?: Date;
  minBytes?: number;
  maxBytes?: number;
}

export interface MigrationOptions {
  filters: MigrationFilters;
  /** Objects at a time in each process, at most; fewer while a store asks for patience. */
  concurrency: number;
  /** Bytes a second that each process reads from sources; null: as fast as it goes. */
  bwlimitBytesPerSecond: number | null;
}

export const DEFAULT_CONCURRENCY = 32;

/** Where a copy is, or goes: enough to reach it again. Kept as JSON in the item. */
export interface ObjectPlace extends StoreAddress {
  key: string;
  generation: number;
}

/** What the rows of a run add up to. */
export interface RunTotals {
  counts: Record<MigrationItem['state'], number>;
  bytes: { planned: number; copied: number; verified: number };
  /** The most frequent reasons first. */
  errors: { code: string; count: number; message: string; hint: string | null }[];
  /** What reading both sides back found. */
  checks: Record<'=' | '-' | '*' | '!', number>;
  workers: { owner: string; bytesPerSecond: number; itemsPerSecond: number; concurrency: number }[];
}

export interface RunSummary {
  run: MigrationRun;
  totals: RunTotals;
}
