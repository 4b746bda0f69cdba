import type { Logger } from '@/lib/observability/logger.ts';
import type { Held, JobClaims, Pulse } from './claims.ts';
import type { HandlerOptions, JobHandler } from './handler.ts';
import type { ClaimedJob } from './job.ts';
import { Loop } from './loop.ts';
import type { Backoff } from './outcome.ts';
import type { JobQueue, Retention } from './queue.ts';
import { type Outcome, RunningJob } from './running-job.ts';
import type { Schedules } from './schedules.ts';

export type { HandlerOptions, JobContext, JobHandler } from './handler.ts';

export interface RunnerOptions {
  queue: JobQueue;
  claims: JobClaims;
  schedules?: Schedules;
  /** Unlike every other runner's, and every earlier one's: `host:pid:random`. */
  owner: string;
  log: Logger;
  retention?: Retention;
  timing?: Partial<RunnerTiming>;
  /** 0 to 1, spreads retries. Default Math.random. */
  random?: () => number;
  /** Told when an attempt is over, for metrics and tests. */
  onSettled?: (job: ClaimedJob, outcome: Outcome) => void;
}

export interface RunnerTiming {
  /** Between looks for work; what this process enqueues is seen at once. Default 2,000. */
  pollMs: number;
  /** Between signs of life, where any are due. Default 1,000. */
  pulseMs: number;
  /** Between looks for jobs of dead processes, and for schedules that are due. Default 5,000. */
  sweepMs: number;
  /** Between removals of jobs that ended long ago. Default 600,000. */
  retentionMs: number;
}

export interface StopOptions {
  /** Jobs may finish by themselves for this long. Default 1,000. */
  finishMs?: number;
  /** Then they are told to stop, and have this long to do so before they are handed over regardless. Default 8,000. */
  graceMs?: number;
}

interface Registration {
  type: string;
  handler: JobHandler;
  concurrency: number;
  leaseMs: number;
  maxAttempts: number | undefined;
  backoff: Backoff;
}

const TIMING: RunnerTiming = { pollMs: 2000, pulseMs: 1000, sweepMs: 5000, retentionMs: 600_000 };
const RETENTION: Retention = { completedMs: 24 * 3_600_000, failedMs: 30 * 24 * 3_600_000 };

/** Runs jobs of the registered types in this process. Any number of processes may do so on one database. */
export class JobRunner {
  readonly #options: RunnerOptions;
  readonly #types = new Map<string, Registration>();
  /** With the promise of its end. */
  readonly #running = new Map<RunningJob, Promise<void>>();
  readonly #claiming: Loop;
  readonly #pulsing: Loop;
  readonly #others: Loop[];
  #stopping = false;
  /** Give signs of life for all jobs, due or not: the answer tells which are to be cancelled. */
  #pulseAll = false;
  #stopListening: () => void = () => undefined;

  constructor(options: RunnerOptions) {
    this.#options = options;
    const timing = { ...TIMING, ...options.timing };
    const loop = (name: string, everyMs: number, work: () => Promise<boolean>) =>
      new Loop({ name, everyMs, work, log: options.log });
    this.#claiming = loop('claim', timing.pollMs, () => this.#claim());
    this.#pulsing = loop('pulse', timing.pulseMs, () => this.#pulse());
    this.#others = [
      loop('sweep', timing.sweepMs, () => this.#sweep()),
      loop('retention', timing.retentionMs, () => this.#forget()),
    ];
  }

  /** Names who runs jobs of this type. MUST be called before `start`, once a type. */
  register(type: string, handler: JobHandler, options: HandlerOptions = {}): void {
    if (this.#types.has(type)) throw new Error(`job type ${type} has a handler already`);
    const { concurrency = 1, leaseMs = 30_000, maxAttempts, backoff } = options;
    const pauses = { baseMs: backoff?.baseMs ?? 1000, maxMs: backoff?.maxMs ?? 600_000 };
    this.#types.set(type, { type, handler, concurrency, leaseMs, maxAttempts, backoff: pauses });
  }

  start(): void {
    this.#stopListening = this.#options.queue.onChange((change) => {
      if (change === 'enqueued') return this.#claiming.wake();
      this.#pulseAll = true;
      this.#pulsing.wake();
    });
    for (const loop of [this.#claiming, this.#pulsing, ...this.#others]) loop.start();
  }

  /** How many jobs run here now. */
  get runningCount(): number {
    return this.#running.size;
  }

  /** Takes no more jobs, lets those that run finish or stop, and queues again what is left, at once, for other runners. */
  async stop(options: StopOptions = {}): Promise<void> {
    this.#stopping = true;
    this.#stopListening();
    await Promise.all([this.#claiming, ...this.#others].map((loop) => loop.stop()));
    await this.#idleWithin(options.finishMs ?? 1000);
    for (const running of this.#running.keys()) running.stop('shutdown');
    await this.#idleWithin(options.graceMs ?? 8000);
    await this.#pulsing.stop();
    await Promise.all([...this.#running.keys()].map(({ job }) => this.#options.claims.handBack(job)));
  }

  async #claim(): Promise<boolean> {
    const requests = [...this.#types.values()].map(({ type, concurrency, leaseMs, maxAttempts }) => {
      return { type, leaseMs, maxAttempts, limit: concurrency - this.#count(type) };
    });
    const sentAtMs = performance.now();
    const claimed = await this.#options.claims.claim(requests, this.#options.owner);
    if (this.#stopping) await Promise.all(claimed.map((job) => this.#options.claims.handBack(job)));
    else for (const job of claimed) this.#launch(job, sentAtMs);
    return claimed.length > 0;
  }

  #count(type: string): number {
    return [...this.#running.keys()].filter(({ job }) => job.type === type).length;
  }

  #launch(job: ClaimedJob, claimedAtMs: number): void {
    const registration = this.#types.get(job.type);
    if (!registration) return;
    const { claims, log, random = Math.random, onSettled } = this.#options;
    const { handler, leaseMs, backoff } = registration;
    const running = new RunningJob({ job, handler, leaseMs, backoff, claims, log, random, claimedAtMs });
    const ended = running.run().then((outcome) => {
      this.#running.delete(running);
      this.#claiming.wake();
      onSettled?.(job, outcome);
    });
    this.#running.set(running, ended);
  }

  async #pulse(): Promise<boolean> {
    const all = this.#pulseAll;
    this.#pulseAll = false;
    const told = [...this.#running.keys()].map((running) => ({ running, pulse: running.pulse(all) }));
    const pulses = told.map(({ pulse }) => pulse).filter((pulse): pulse is Pulse => pulse !== undefined);
    const sentAtMs = performance.now();
    const answers = await this.#options.claims.heartbeat(pulses);
    for (const { running, pulse } of told) {
      if (pulse) this.#heed(running, answers.get(pulse.id), sentAtMs);
    }
    return false;
  }

  #heed(running: RunningJob, held: Held | undefined, sentAtMs: number): void {
    if (held !== undefined) running.confirm(sentAtMs);
    if (held === undefined) running.stop('lease_lost');
    else if (held === 'cancel_requested') running.stop('cancelled');
  }

  async #sweep(): Promise<boolean> {
    const { claims, schedules, log } = this.#options;
    const freed = await claims.takeOverExpired();
    for (const job of freed) log.warn({ job: job.id, type: job.type, state: job.state }, 'a job outlived its runner');
    const due = (await schedules?.tick()) ?? [];
    if (freed.length + due.length > 0) this.#claiming.wake();
    return false;
  }

  async #forget(): Promise<boolean> {
    return (await this.#options.queue.removeFinished(this.#options.retention ?? RETENTION)) > 0;
  }

  async #idleWithin(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([Promise.all(this.#running.values()), patience]);
    clearTimeout(timer);
  }
}
