import { StorageError } from '@/lib/storage/storage-error.ts';
import type { UploadJournal, UploadState } from '@/lib/storage/storage-service.ts';

/** A journal in memory: lets a retry within one process go on where the last attempt stopped. */
export function memoryJournal(): UploadJournal {
  let current: UploadState | undefined;
  return {
    load: async () => current,
    save: async (state) => {
      current = state;
    },
    clear: async () => {
      current = undefined;
    },
  };
}

/** Writes states to a journal one at a time, the newest only: what came while one was being written goes in the next. */
export class JournalWriter {
  private readonly journal: UploadJournal | undefined;
  private waiting: UploadState | undefined;
  private writing: Promise<void> | undefined;

  constructor(journal: UploadJournal | undefined) {
    this.journal = journal;
  }

  /** Resolves when this state, or a newer one, is durable. */
  save(state: UploadState): Promise<void> {
    if (this.journal === undefined) return Promise.resolve();
    this.waiting = state;
    this.writing ??= this.drain(this.journal);
    return this.writing;
  }

  private async drain(journal: UploadJournal): Promise<void> {
    try {
      while (this.waiting !== undefined) {
        const next = this.waiting;
        this.waiting = undefined;
        await journal.save(next);
      }
    } finally {
      this.writing = undefined;
    }
  }
}

/** The failure of a put whose unfinished upload could not be given up either: somebody has to know that bytes are left. */
export function withRemains(error: unknown, abortError: unknown): unknown {
  if (!(error instanceof StorageError)) return error;
  const { provider, operation, key, retry, retryAfterMs } = error;
  const detail = `${error.detail ?? error.code}; its unfinished upload could not be given up`;
  const cause = new AggregateError([error, abortError]);
  return new StorageError(error.code, { provider, operation, key, retry, retryAfterMs, detail, cause });
}
