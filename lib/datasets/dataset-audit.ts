import type { Executor } from '@/lib/db/database.ts';

/** What somebody did to a dataset. Holds no URL, no secret and no content of records. */
export interface DatasetAct {
  /** Whose dataset it is. */
  userId: string;
  /** Who did it: a user id, or `system`. */
  actor: string;
  /** `dataset.deleted`, `dataset.link_made`. */
  action: string;
  /** The dataset's id. */
  subject: string;
  details?: Record<string, unknown>;
}

/** Where it is written down for good. */
export interface DatasetAudit {
  /** With the executor of the change that the entry tells of, so that both are kept or neither is. */
  write(act: DatasetAct, executor?: Executor): Promise<void>;
  /** Acts that changed nothing, each with the request that did it. */
  writeAll(acts: readonly (DatasetAct & { at: Date; requestId?: string })[]): Promise<void>;
}
