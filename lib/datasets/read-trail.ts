import type { DatasetAct, DatasetAudit } from '@/lib/datasets/dataset-audit.ts';
import type { Logger } from '@/lib/observability/logger.ts';
import { workContext } from '@/lib/observability/request-context.ts';

/** An act that hands data out, and so changes nothing. */
export type ReadAct = Omit<DatasetAct, 'actor'>;

type Noted = ReadAct & { at: Date; requestId?: string; times: number };

const GATHER_MS = 2000;

/**
 * Writes down who fetched which dataset, a little later and all at once: an entry of its own for each would cost a
 * download URL more than the URL itself. The same act repeated within the gathered time is one entry that says how often.
 * A killed process loses at most what it gathered; one that stops in order loses nothing.
 */
export class ReadTrail {
  readonly #audit: Pick<DatasetAudit, 'writeAll'>;
  readonly #log: Logger;
  readonly #now: () => Date;
  #noted = new Map<string, Noted>();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(parts: { audit: Pick<DatasetAudit, 'writeAll'>; log: Logger; now: () => Date }) {
    this.#audit = parts.audit;
    this.#log = parts.log;
    this.#now = parts.now;
  }

  /** The owner fetched it: nobody else can. */
  note(act: ReadAct): void {
    const key = JSON.stringify([act.userId, act.action, act.subject, act.details]);
    const known = this.#noted.get(key);
    if (known !== undefined) known.times += 1;
    else this.#noted.set(key, { ...act, at: this.#now(), requestId: workContext()?.requestId, times: 1 });
    this.#timer ??= setTimeout(() => void this.flush(), GATHER_MS).unref();
  }

  /** Resolves when everything noted so far is written, or its failure was logged; then it is tried again. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  async #write(): Promise<void> {
    const noted = this.#noted;
    if (noted.size === 0) return;
    this.#noted = new Map();
    try {
      await this.#audit.writeAll([...noted.values()].map(entryOf));
    } catch (error) {
      this.#log.warn({ err: error, entries: noted.size }, 'what was fetched could not be written to the audit log yet');
      this.#noted = new Map([...noted, ...this.#noted]);
      this.#timer ??= setTimeout(() => void this.flush(), GATHER_MS).unref();
    }
  }
}

function entryOf({ times, details, ...act }: Noted) {
  return { ...act, actor: act.userId, details: times === 1 ? details : { ...details, times } };
}
