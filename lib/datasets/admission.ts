import type { DiskBudget, Reservation } from '@/lib/datasets/disk-budget.ts';
import { LongshoreError } from '@/lib/errors.ts';

export interface AdmissionOptions {
  disk: DiskBudget;
  /** Ingests at a time. */
  concurrency: number;
  /** Uploads of one user that run or wait. Beyond: too_many_uploads. */
  perUser?: number;
  /** Uploads that wait, of all users. Beyond: busy. */
  waiting?: number;
  /** How long one may wait for its turn. */
  waitMs?: number;
}

export interface Entrance {
  userId: string;
  /** Of the body, as far as the client says. */
  declaredBytes: number | undefined;
  signal?: AbortSignal;
  /** Work that was accepted before: it may wait as long as it takes, and is not counted against its user. */
  accepted?: boolean;
}

interface Waiting extends Entrance {
  admit: (ticket: Ticket) => void;
  refuse: (error: unknown) => void;
}

const DEFAULTS = { perUser: 8, waiting: 64, waitMs: 30_000 };

/**
 * Lets a bounded number of ingests run. Who waits is served by turns of users: the one with the fewest running goes
 * first, whoever has many files waits with them.
 */
export class Admission {
  readonly #options: Required<AdmissionOptions>;
  readonly #running = new Map<string, number>();
  #active = 0;
  #waiting: Waiting[] = [];
  #closed = false;
  #filling = false;
  /** Something changed since the queue was last looked at. */
  #look = false;

  constructor(options: AdmissionOptions) {
    this.#options = { ...DEFAULTS, ...options };
    options.disk.onFreed(() => void this.#fill());
  }

  /**
   * Resolves when it is this upload's turn.
   * @throws too_many_uploads, busy, shutting_down, disk_full, or the signal's reason
   */
  async enter(entrance: Entrance): Promise<Ticket> {
    await this.#options.disk.expectRoom(entrance.declaredBytes);
    if (this.#closed) throw shuttingDown();
    if (!entrance.accepted) this.#expectPlace(entrance.userId);
    return new Promise((resolve, reject) => this.#join(entrance, resolve, reject));
  }

  #expectPlace(userId: string): void {
    const { perUser, waiting } = this.#options;
    if (this.#ofUser(userId) >= perUser) throw tooMany(perUser);
    if (this.#waiting.length >= waiting) throw busy();
  }

  /** Uploads that wait for their turn. */
  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** Ends the waiting of everybody. Tickets that were given stay good. */
  close(): void {
    this.#closed = true;
    for (const waiting of [...this.#waiting]) waiting.refuse(shuttingDown());
  }

  #join(entrance: Entrance, resolve: (ticket: Ticket) => void, reject: (error: unknown) => void): void {
    const { signal, accepted } = entrance;
    const leave = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      this.#waiting = this.#waiting.filter((other) => other !== waiting);
    };
    const settle =
      <T>(then: (value: T) => void) =>
      (value: T) => {
        leave();
        then(value);
      };
    const waiting: Waiting = { ...entrance, admit: settle(resolve), refuse: settle(reject) };
    const onAbort = () => waiting.refuse(signal?.reason);
    const timer = accepted ? undefined : setTimeout(() => waiting.refuse(busy()), this.#options.waitMs);
    this.#waiting.push(waiting);
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted) onAbort();
    else void this.#fill();
  }

  /** Admits as many as there is room for. One at a time asks the disk. */
  async #fill(): Promise<void> {
    this.#look = true;
    if (this.#filling) return;
    this.#filling = true;
    while (this.#look) {
      this.#look = false;
      await this.#admitAll();
    }
    this.#filling = false;
  }

  async #admitAll(): Promise<void> {
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      if (!(await this.#admit(next))) return;
    }
  }

  /** False when the disk is promised to others: what they give back makes room. */
  async #admit(next: Waiting): Promise<boolean> {
    try {
      const reservation = await this.#options.disk.reserve(next.declaredBytes);
      if (reservation === undefined) return false;
      if (this.#waiting.includes(next)) next.admit(this.#ticket(next.userId, reservation));
      else reservation.release();
    } catch (error) {
      next.refuse(error);
    }
    return true;
  }

  #next(): Waiting | undefined {
    if (this.#active >= this.#options.concurrency) return undefined;
    const turn = (waiting: Waiting) => this.#running.get(waiting.userId) ?? 0;
    return this.#waiting.reduce<Waiting | undefined>(
      (best, waiting) => (best === undefined || turn(waiting) < turn(best) ? waiting : best),
      undefined,
    );
  }

  #ticket(userId: string, reservation: Reservation): Ticket {
    this.#active += 1;
    this.#running.set(userId, (this.#running.get(userId) ?? 0) + 1);
    return new Ticket(reservation, () => {
      this.#active -= 1;
      const left = (this.#running.get(userId) ?? 1) - 1;
      if (left === 0) this.#running.delete(userId);
      else this.#running.set(userId, left);
      void this.#fill();
    });
  }

  #ofUser(userId: string): number {
    return (this.#running.get(userId) ?? 0) + this.#waiting.filter((waiting) => waiting.userId === userId).length;
  }
}

/** The right to ingest one upload. MUST be given back, in both parts. */
export class Ticket {
  readonly #reservation: Reservation;
  #leave: (() => void) | undefined;

  constructor(reservation: Reservation, leave: () => void) {
    this.#reservation = reservation;
    this.#leave = leave;
  }

  /** Ingest is over: another may begin. What it wrote is on disk now and needs no promise any more. */
  release(): void {
    this.#reservation.release();
    this.#leave?.();
    this.#leave = undefined;
  }
}

function tooMany(limit: number): LongshoreError {
  return new LongshoreError('too_many_uploads', `You have ${limit} uploads under way already.`, {
    hint: 'Wait until one of them is done.',
    details: { retry_after_seconds: 5 },
  });
}

function busy(): LongshoreError {
  return new LongshoreError('busy', 'The server has all the uploads it can work on.', {
    hint: 'Send the same request again in a moment.',
    details: { retry_after_seconds: 10 },
  });
}

function shuttingDown(): LongshoreError {
  return new LongshoreError('shutting_down', 'The server is about to stop.', {
    hint: 'Send the same request again in a moment.',
    details: { retry_after_seconds: 10 },
  });
}
