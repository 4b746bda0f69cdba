import type { Executor, Transaction } from '@/lib/db/database.ts';
import type { DoctorReport } from '@/lib/secrets/doctor/report.ts';
import type { SecretContents, SecretProvider, SecretUsageView } from '@/lib/secrets/secrets.types.ts';

/** What secrets ask of the rest of the system. */

/** A bucket, and the secret version that reaches it from now on. */
export interface ReachableBucket {
  secretId: string;
  endpoint: string | null;
  bucket: string;
  region: string;
}

/** Knows which copies are reached by which secret version. Implemented by placement, on its replica rows. */
export interface SecretUsage {
  /** No copy of a dataset that these versions reach is taken away, or begins to be, before the transaction ends. */
  hold(tx: Transaction, userId: string, secretIds: readonly string[]): Promise<void>;
  /** What would be lost without these versions. A dataset's copies are sole when no completed copy is reached otherwise. */
  usageOf(executor: Executor, userId: string, secretIds: readonly string[]): Promise<SecretUsageView>;
  /** Makes what lies in this bucket and was reached by another of the user's versions be reached by `to`. */
  repoint(tx: Transaction, userId: string, to: ReachableBucket): Promise<number>;
  /** Those of the versions that something still refers to: a copy, or an address still to be cleaned up. */
  referenced(executor: Executor, secretIds: readonly string[]): Promise<ReadonlySet<string>>;
}

export interface AuditSink {
  write(
    entry: { userId: string; actor: string; action: string; subject?: string; details?: Record<string, unknown> },
    executor: Executor,
  ): Promise<void>;
}

export interface TestOptions {
  /** AWS: make the bucket when it does not exist. */
  createBucket?: boolean;
  signal?: AbortSignal;
}

/** Tries credentials at their provider. Never stores anything. */
export interface SecretTester {
  test<P extends SecretProvider>(
    userId: string,
    provider: P,
    content: SecretContents[P],
    options?: TestOptions,
  ): Promise<DoctorReport>;
}
