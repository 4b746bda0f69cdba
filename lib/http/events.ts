export const TOPICS = ['dataset', 'upload', 'job', 'storage', 'migration'] as const;
export type Topic = (typeof TOPICS)[number];

/** Something changed that a user's page shows. A hint to look again, never the truth itself: it may be lost. */
export interface LongshoreEvent {
  topic: Topic;
  /** What happened: `created`, `updated`, `deleted`, `progress`. */
  type: string;
  /** The id of what it happened to. */
  subject: string;
  data?: Readonly<Record<string, unknown>>;
}

export interface NumberedEvent {
  /** Ascending; meaningful only together with `epoch`. */
  id: number;
  event: LongshoreEvent;
}

/** Events that one subscriber has not read yet. Beyond these it is told to look at everything again. */
const QUEUE_LIMIT = 256;
/** Events of one user kept for a subscriber that comes back. */
const HISTORY_LIMIT = 128;
/** Users whose events are kept; the one that was silent longest is forgotten first. */
const HISTORY_USERS = 1000;
/** Who is told of a change that concerns the installation: every admin. */
const EVERY_ADMIN = '*';

interface Subscriber {
  admin: boolean;
  queue: NumberedEvent[];
  overflowed: boolean;
  wake: () => void;
}

export interface EventReader {
  userId: string;
  admin: boolean;
  /** What a browser sends after a lost connection. */
  lastEventId?: string;
  quietMs: number;
  signal: AbortSignal;
}

/** The events of this process, by user. Nobody sees another user's. Memory is bounded whatever subscribers do. */
export class EventHub {
  /** Tells a returning client whether its last event id is of this run of the process. */
  readonly epoch: string;
  #nextId = 1;
  #closed = false;
  readonly #subscribers = new Map<string, Set<Subscriber>>();
  readonly #history = new Map<string, NumberedEvent[]>();

  constructor(epoch: string) {
    this.epoch = epoch;
  }

  publish(userId: string, event: LongshoreEvent): void {
    const numbered = this.#remember(userId, event);
    for (const subscriber of this.#subscribers.get(userId) ?? []) offer(subscriber, numbered);
  }

  /** For changes of the installation itself (phase, store health, migration). */
  publishToAdmins(event: LongshoreEvent): void {
    const numbered = this.#remember(EVERY_ADMIN, event);
    for (const subscribers of this.#subscribers.values()) {
      for (const subscriber of subscribers) if (subscriber.admin) offer(subscriber, numbered);
    }
  }

  get subscriberCount(): number {
    return [...this.#subscribers.values()].reduce((sum, set) => sum + set.size, 0);
  }

  /**
   * Events from now on, after those that happened since `lastEventId`. Yields `reset` first where events may have been
   * missed, and where the reader is too slow: the page then loads everything again. Yields `quiet` after `quietMs`
   * without an event. Ends with the signal or the hub.
   */
  async *subscribe(reader: EventReader): AsyncGenerator<NumberedEvent | 'reset' | 'quiet'> {
    const subscriber: Subscriber = { admin: reader.admin, queue: [], overflowed: false, wake: () => undefined };
    const leave = this.#join(reader.userId, subscriber);
    const wake = () => subscriber.wake();
    reader.signal.addEventListener('abort', wake);
    try {
      yield* this.#missed(reader);
      while (!reader.signal.aborted && !this.#closed) {
        if (subscriber.overflowed) {
          subscriber.overflowed = false;
          yield 'reset';
        }
        const next = subscriber.queue.shift();
        if (next !== undefined) yield next;
        else if (!(await nextWake(subscriber, reader, () => this.#closed))) yield 'quiet';
      }
    } finally {
      reader.signal.removeEventListener('abort', wake);
      leave();
    }
  }

  /** Ends every subscription. */
  close(): void {
    this.#closed = true;
    for (const subscribers of this.#subscribers.values()) for (const subscriber of subscribers) subscriber.wake();
  }

  #join(userId: string, subscriber: Subscriber): () => void {
    const subscribers = this.#subscribers.get(userId) ?? new Set();
    this.#subscribers.set(userId, subscribers.add(subscriber));
    return () => {
      subscribers.delete(subscriber);
      if (subscribers.size === 0) this.#subscribers.delete(userId);
    };
  }

  #remember(userId: string, event: LongshoreEvent): NumberedEvent {
    const numbered = { id: this.#nextId++, event };
    const kept = this.#history.get(userId) ?? [];
    kept.push(numbered);
    if (kept.length > HISTORY_LIMIT) kept.shift();
    this.#history.delete(userId);
    this.#history.set(userId, kept);
    const oldest = this.#history.keys().next().value;
    if (this.#history.size > HISTORY_USERS && oldest !== undefined) this.#history.delete(oldest);
    return numbered;
  }

  #missed(reader: EventReader): (NumberedEvent | 'reset')[] {
    if (reader.lastEventId === undefined) return [];
    const [epoch, number] = reader.lastEventId.split('.');
    const seen = Number(number);
    if (epoch !== this.epoch || !Number.isSafeInteger(seen)) return ['reset'];
    const sources = [reader.userId, ...(reader.admin ? [EVERY_ADMIN] : [])].map((id) => this.#history.get(id) ?? []);
    const forgotten = !this.#history.has(reader.userId) && this.#history.size >= HISTORY_USERS;
    const gap = sources.some((kept) => kept.length >= HISTORY_LIMIT && (kept[0]?.id ?? 0) > seen + 1);
    if (gap || forgotten) return ['reset'];
    return sources
      .flat()
      .filter((numbered) => numbered.id > seen)
      .sort((a, b) => a.id - b.id);
  }
}

function offer(subscriber: Subscriber, numbered: NumberedEvent): void {
  if (subscriber.queue.length >= QUEUE_LIMIT) {
    subscriber.queue = [];
    subscriber.overflowed = true;
  } else if (!subscriber.overflowed) subscriber.queue.push(numbered);
  subscriber.wake();
}

/** Resolves with true when there is something to look at, with false after a quiet time. */
function nextWake(subscriber: Subscriber, reader: EventReader, closed: () => boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), reader.quietMs);
    subscriber.wake = () => {
      clearTimeout(timer);
      resolve(true);
    };
    if (subscriber.queue.length > 0 || subscriber.overflowed || reader.signal.aborted || closed()) subscriber.wake();
  });
}
