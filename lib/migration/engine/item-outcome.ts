import { LongshoreError } from '@/lib/errors.ts';
import { failureFacts } from '@/lib/placement/replica-writer.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';

/** What a person reads about an item that is not done. */
export interface ItemFault {
  errorCode: string;
  errorMessage: string;
  errorHint: string | null;
}

/** How one attempt at an item ended. */
export type ItemOutcome =
  /** The destination holds the bytes, read back with an equal hash. */
  | { kind: 'copied'; sha256: string; sizeBytes: number; versionId: string | null }
  /** A copy was there already; it was read back, or had been. */
  | { kind: 'found'; replicaId: string; sha256: string | null; sizeBytes: number | null }
  | { kind: 'skipped'; fault: ItemFault }
  /** Not now: the item waits. `counts`: another such outcome brings it nearer to `failed`. */
  | { kind: 'later'; fault: ItemFault; delayMs: number; counts: boolean }
  /** Bytes differ from their first hash. */
  | {
      kind: 'mismatch';
      fault: ItemFault;
      /** The first hash, which every read must give. */
      expectedSha256?: string;
      sourceSha256: string | null;
      destinationSha256: string | null;
    }
  | { kind: 'failed'; fault: ItemFault }
  /** The attempt is somebody else's by now, or this process stops: nothing is written. */
  | { kind: 'left' };

const LATER: readonly string[] = ['rate_limited', 'unavailable', 'timeout', 'database_unavailable', 'fenced'];
/** Who deletes a dataset removes its object before its row: so often a missing object is looked for again. */
const LOOKS_FOR_MISSING = 3;
const BASE_DELAY_MS = 1000;
const MAX_DELAY_MS = 60_000;

const HINTS: Readonly<Record<string, string>> = {
  unauthorized: "Test the user's AWS secret again: the store refuses its keys.",
  forbidden: 'Allow these keys to put, get and delete objects in the bucket.',
  bucket_not_found: 'Make the bucket, or correct its name in the secret.',
  wrong_region: 'Correct the region of the bucket in the secret.',
  quota_exceeded: 'Make room in the bucket, or raise its limit.',
  not_found: 'The base store has no object for this dataset: `longshore verify` its copies.',
  rate_limited: 'Nothing to do: the run slows down and goes on.',
  unavailable: 'Nothing to do: the run goes on as soon as the store answers.',
  timeout: 'Nothing to do: the run goes on as soon as the store answers.',
};

/** What follows from an error. `failures`: how often this item had to wait before. */
export function outcomeOf(error: unknown, failures: number): ItemOutcome {
  const { errorCode, errorMessage } = failureFacts(error);
  const hint = error instanceof LongshoreError ? error.hint : HINTS[errorCode];
  const fault = { errorCode, errorMessage, errorHint: hint ?? null };
  const vanishing = StorageError.is(error, 'not_found') && failures < LOOKS_FOR_MISSING;
  if (isPermanent(error) && !vanishing) return { kind: 'failed', fault };
  const doubled = Math.min(MAX_DELAY_MS, BASE_DELAY_MS * 2 ** Math.min(failures, 10));
  const asked = StorageError.is(error) ? (error.retryAfterMs ?? 0) : 0;
  return { kind: 'later', fault, delayMs: Math.max(asked, doubled / 2 + (Math.random() * doubled) / 2), counts: true };
}

/** A store's refusal that repeating cannot change. What we do not know is tried again. */
function isPermanent(error: unknown): boolean {
  if (StorageError.is(error))
    return !LATER.includes(error.code) && error.code !== 'corrupt' && error.code !== 'upload_expired';
  return error instanceof LongshoreError && !LATER.includes(error.code);
}
