import { setTimeout as delay } from 'node:timers/promises';
import { AdaptiveConcurrency } from '@/lib/migration/engine/adaptive-concurrency.ts';
import type { CopyRemains } from '@/lib/migration/engine/copy-remains.ts';
import type { ItemJournal } from '@/lib/migration/engine/item-journal.ts';
import type { ItemFault, ItemOutcome } from '@/lib/migration/engine/item-outcome.ts';
import type { ItemRunner, PreparedItem, Track } from '@/lib/migration/engine/item-runner.ts';
import { RateMeter } from '@/lib/migration/engine/rate-meter.ts';
import type { ProvenItem, Settler } from '@/lib/migration/engine/settler.ts';
import type { StorePressure } from '@/lib/migration/engine/store-pressure.ts';
import { SKIPPED } from '@/lib/migration/runs/plan-item.ts';
import type { Planner } from '@/lib/migration/runs/planner.ts';
import { decodeOptions } from '@/lib/migration/runs/run-options.ts';
import type { RunRepository } from '@/lib/migration/runs/run-repository.ts';
import type { MigrationItem, MigrationOptions, MigrationRun } from '@/lib/migration/types.ts';
import type { Logger } from '@/lib/observability/logger.ts';
import { sleep } from '@/lib/streams/abort.ts';
import { Pace } from '@/lib/streams/pace.ts';

export interface SessionTiming {
  /** How long after its last sign of life another process may take an item. */
  leaseMs: number;
  pulseMs: number;
  /** Between looks for work when there is none at the moment. */
  idleMs: number;
}

export interface SessionParts {
  runs: RunRepository;
  planner: Planner;
  journal: ItemJournal;
  runner: ItemRunner;
  settler: Settler;
  remains: CopyRemains;
  pressure: StorePressure;
  log: Logger;
  timing: SessionTiming;
  /** Told about once a second while a run moves, and when its state changes. */
  notify(run: MigrationRun, type: 'progress' | 'updated'): void;
}

/** An item under way in this process. */
interface Active {
  prepared: PreparedItem;
  track: Track;
  abort: AbortController;
  /** Its outcome is being written: signs of life leave it alone. */
  settling: boolean;
}

/** Objects whose outcome is written in one transaction. */
const BATCH = 128;
/** How long the first of them waits for the others. */
const GATHER_MS = 50;
/** Small objects come and go faster than the journal answers: so many are claimed ahead at least. */
const CLAIM_AHEAD = 64;
const MAX_MISMATCHES = 3;
/** About three quarters of an hour of waiting. */
const MAX_FAILURES = 50;
const MISMATCH_DELAY_MS = 1000;

/** One process's work on one run, until the run is over, told to stop, or taken from it. */
export class RunSession {
  readonly #parts: SessionParts;
  readonly #runId: string;
  readonly #owner: string;
  readonly #options: MigrationOptions;
  readonly #pace: AdaptiveConcurrency;
  readonly #throttle: Pace | undefined;
  readonly #meter = new RateMeter();
  readonly #active = new Map<string, Active>();
  #queue: PreparedItem[] = [];
  #proven: ProvenItem[] = [];
  #settling: Promise<void> | undefined;
  #wake: () => void = () => undefined;
  readonly #ending = new AbortController();
  #stopped = false;

  constructor(parts: SessionParts, run: MigrationRun, owner: string, signal: AbortSignal) {
    this.#parts = parts;
    this.#runId = run.id;
    this.#owner = owner;
    this.#options = decodeOptions(run.options);
    this.#pace = new AdaptiveConcurrency(this.#options.concurrency);
    const limit = this.#options.bwlimitBytesPerSecond;
    this.#throttle = limit === null ? undefined : new Pace(limit, signal);
  }

  /** Works while the run is in `state` and `signal` is not aborted. True when nothing is left to do. */
  async work(state: 'running' | 'cancelling', signal: AbortSignal): Promise<boolean> {
    const stopListening = this.#parts.pressure.listen((retryAfterMs) => this.#pace.refused(retryAfterMs));
    const onAbort = () => this.#stop();
    signal.addEventListener('abort', onAbort, { once: true });
    const pulsing = this.#pulseUntilStopped(state);
    try {
      if (signal.aborted) this.#stop();
      return await this.#loop(state);
    } finally {
      this.#stop();
      stopListening();
      signal.removeEventListener('abort', onAbort);
      await pulsing;
      await this.#leave();
    }
  }

  async #loop(state: 'running' | 'cancelling'): Promise<boolean> {
    while (!this.#stopped) {
      await this.#refill();
      this.#startQueued(state);
      const idle = this.#active.size === 0 && this.#queue.length === 0;
      if (idle && (await this.#isOver(state))) return true;
      await this.#untilWoken(idle ? this.#parts.timing.idleMs : Math.max(this.#pace.restMs, 1000));
    }
    return false;
  }

  /** Takes more than can start at once, so that a claim serves many objects. */
  async #refill(): Promise<void> {
    const wanted = Math.max(CLAIM_AHEAD / 2, this.#pace.level);
    if (this.#stopped || this.#queue.length >= wanted / 2 || this.#pace.limit === 0) return;
    const { journal, runner, timing } = this.#parts;
    const claim = { runId: this.#runId, owner: this.#owner, limit: wanted * 2 - this.#queue.length };
    const items = await journal.claim({ ...claim, leaseMs: timing.leaseMs });
    const prepared = await runner.prepare(items);
    // Not in one expression: a sign of life may have replaced the queue meanwhile.
    this.#queue.push(...prepared);
  }

  #startQueued(state: 'running' | 'cancelling'): void {
    while (!this.#stopped && this.#busy() < this.#pace.limit) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      this.#start(next, state);
    }
  }

  #busy(): number {
    let busy = 0;
    for (const active of this.#active.values()) if (!active.settling) busy += 1;
    return busy;
  }

  #start(prepared: PreparedItem, state: 'running' | 'cancelling'): void {
    const abort = new AbortController();
    const track: Track = {
      signal: abort.signal,
      bytesCopied: prepared.item.bytesCopied,
      arrived: prepared.item.copiedAt !== null,
      destination: undefined,
      source: undefined,
      onRead: async (bytes) => {
        this.#meter.addBytes(bytes);
        await this.#throttle?.pass(bytes);
      },
    };
    const active: Active = { prepared, track, abort, settling: false };
    this.#active.set(prepared.item.datasetId, active);
    const { runner } = this.#parts;
    const work = state === 'running' ? runner.run(prepared, track) : runner.takeBack(prepared, track);
    void work.then((outcome) => this.#ended(active, outcome));
  }

  async #ended(active: Active, outcome: ItemOutcome): Promise<void> {
    active.settling = true;
    this.#wake();
    const { item } = active.prepared;
    try {
      if (outcome.kind === 'copied' || outcome.kind === 'found') return this.#prove(active, outcome);
      await this.#write(active, outcome);
    } catch (error) {
      // Its lease ends, and whoever takes the item next finds what was done.
      this.#parts.log.warn({ err: error, dataset: item.datasetId }, 'the outcome of a copy could not be written');
    }
    this.#finish(item);
  }

  #finish(item: MigrationItem): void {
    this.#active.delete(item.datasetId);
    this.#wake();
  }

  #prove({ prepared: { item }, track }: Active, outcome: ProvenItem['outcome']): void {
    this.#pace.succeeded();
    this.#meter.addItem();
    this.#proven.push({ item, outcome, destination: track.destination, source: track.source });
    this.#settling ??= this.#settleAll();
  }

  /** What comes while one transaction runs goes into the next. */
  async #settleAll(): Promise<void> {
    try {
      while (this.#proven.length > 0) {
        // Waiting is for those who come after: where none is under way, there is nobody to wait for.
        if (this.#proven.length < BATCH && this.#busy() > 0) await delay(GATHER_MS);
        const batch = this.#proven.splice(0, BATCH);
        await this.#settleBatch(batch).catch((error) => {
          this.#parts.log.warn({ err: error, items: batch.length }, 'copies could not be made known yet');
        });
        for (const { item } of batch) this.#finish(item);
      }
    } finally {
      this.#settling = undefined;
    }
  }

  async #settleBatch(batch: readonly ProvenItem[]): Promise<void> {
    const settlements = await this.#parts.settler.settle(batch);
    for (const [{ item, destination }, settlement] of settlements) {
      if (settlement === 'deleted') {
        if (destination !== undefined) await this.#parts.remains.removeAt(item, destination);
        await this.#parts.journal.end(item, 'skipped', SKIPPED.dataset_deleted);
      } else if (settlement === 'taken') await this.#parts.journal.release([item]);
    }
  }

  async #write(active: Active, outcome: Exclude<ItemOutcome, { kind: 'copied' | 'found' }>): Promise<void> {
    const { journal } = this.#parts;
    const { item } = active.prepared;
    switch (outcome.kind) {
      case 'left':
        return journal.release([item]);
      case 'skipped':
        return journal.end(item, 'skipped', { ...outcome.fault, uploadState: null });
      case 'failed':
        return this.#fail(active, outcome.fault);
      case 'later': {
        const failures = item.failures + (outcome.counts ? 1 : 0);
        if (failures >= MAX_FAILURES) return this.#fail(active, outcome.fault);
        return journal.postpone(item, outcome.fault, outcome.delayMs, { failures });
      }
      case 'mismatch': {
        const { fault, expectedSha256, sourceSha256, destinationSha256 } = outcome;
        const again = { uploadState: null, copiedAt: null, bytesCopied: 0, expectedSha256 };
        const facts = { ...again, sourceSha256, destinationSha256, mismatches: item.mismatches + 1 };
        if (facts.mismatches >= MAX_MISMATCHES) return journal.end(item, 'quarantined', { ...fault, ...facts });
        return journal.postpone(item, fault, MISMATCH_DELAY_MS, facts);
      }
    }
  }

  /**
   * Nobody may ever take the item up again, so nothing of its copy stays. What the bucket does not let us remove is still
   * in the journal, for a later go at the run.
   */
  async #fail({ prepared: { item }, track }: Active, fault: ItemFault): Promise<void> {
    const { journal, remains, log } = this.#parts;
    let begun: Parameters<ItemJournal['end']>[2] = { uploadState: null, copiedAt: null, bytesCopied: 0 };
    try {
      if (track.destination === undefined) await remains.remove(item);
      else await remains.removeAt(item, track.destination);
    } catch (error) {
      log.warn({ err: error, dataset: item.datasetId }, 'what was begun of a failed copy stays for now');
      begun = {};
    }
    await journal.end(item, 'failed', { ...fault, ...begun });
  }

  async #pulseUntilStopped(state: 'running' | 'cancelling'): Promise<void> {
    while (!this.#stopped) {
      await this.#untilNextPulse();
      if (this.#stopped) return;
      await this.#pulse(state).catch((error) => {
        this.#parts.log.warn({ err: error }, 'a sign of life of a migration could not be written');
      });
    }
  }

  async #untilNextPulse(): Promise<void> {
    try {
      await sleep(this.#parts.timing.pulseMs, this.#ending.signal);
    } catch (error) {
      if (!this.#stopped) throw error;
    }
  }

  async #pulse(state: 'running' | 'cancelling'): Promise<void> {
    const { runs, journal, timing, notify } = this.#parts;
    const told = [...this.#active.values()].filter((active) => !active.settling);
    const waiting = this.#queue.map(({ item }) => ({ item, arrived: item.copiedAt !== null }));
    const pulses = [
      ...told.map(({ prepared: { item }, track }) => pulseOf(item, track.bytesCopied, track.arrived)),
      ...waiting.map(({ item, arrived }) => pulseOf(item, item.bytesCopied, arrived)),
    ];
    const held = await journal.heartbeat(this.#runId, pulses, timing.leaseMs);
    for (const { prepared, abort, settling } of told) {
      if (!settling && !held.has(prepared.item.datasetId)) abort.abort(new Error('the lease of this item was lost'));
    }
    const taken = new Set(waiting.map(({ item }) => item.datasetId).filter((id) => !held.has(id)));
    this.#queue = this.#queue.filter(({ item }) => !taken.has(item.datasetId));
    await runs.pulse(this.#runId, { owner: this.#owner, concurrency: this.#pace.level, ...this.#meter.rates() });
    const run = await runs.get(this.#runId);
    notify(run, 'progress');
    if (run.state !== state) this.#stop();
  }

  /** Nothing is left: what came to the installation meanwhile is taken up before the run ends. */
  async #isOver(state: 'running' | 'cancelling'): Promise<boolean> {
    await this.#settling;
    const { journal, planner } = this.#parts;
    if (!(await journal.isFinished(this.#runId))) return false;
    if (state === 'cancelling') return true;
    return (await planner.extend(this.#runId, this.#options.filters)) === 0;
  }

  #untilWoken(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#stopped) this.#wake();
    });
  }

  #stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#ending.abort();
    for (const { abort } of this.#active.values()) abort.abort(new Error('this process stops working on the run'));
    this.#wake();
  }

  /** What is under way has ended or lets go; what waits goes back for others. */
  async #leave(): Promise<void> {
    while (this.#active.size > 0) await this.#untilEnded();
    await this.#parts.journal.release(this.#queue.map(({ item }) => item));
    this.#queue = [];
    await this.#parts.runs.leave(this.#runId, this.#owner);
  }

  #untilEnded(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

function pulseOf({ runId, datasetId, attempt }: MigrationItem, bytesCopied: number, arrived: boolean) {
  return { runId, datasetId, attempt, bytesCopied, arrived };
}
