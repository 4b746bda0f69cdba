import type { BatchBuffers } from './bytes/batch-buffers.ts';
import type { FramedBatch } from './containers/framed-batch.ts';
import type { CoreOptions, Decision, RecordBatch } from './core/contract.ts';
import type { ContentSink } from './output/content-sink.ts';
import type { PoolSession } from './pool/ingest-pool.ts';
import type { ProcessedBatch } from './pool/messages.ts';
import type { ReportBuilder } from './report/report-builder.ts';

export interface RunParts {
  session: PoolSession;
  sink: ContentSink;
  report: ReportBuilder;
  buffers: BatchBuffers;
  core: CoreOptions;
  onAccepted?: () => void;
}

/**
 * The kind is fixed by this many records, or by the records in this many bytes; it is not waited for longer than for so
 * many faults of the frame. The buffers that are held hold at most four times the bytes (`GrowingBuffer.detach`).
 */
const SURVEY_RECORDS = 1000;
const SURVEY_BYTES = 8 << 20;
const SURVEY_FINDINGS = 10_000;
/** What a batch takes beside its buffer, for its message and its result: it counts so even where it holds one record. */
const LEAST_BATCH_BYTES = 16 << 10;

/**
 * One file's way from framed batches to the sink: the first are held back until the kind is decided, then all go through
 * the threads at the same time and come out in order. What is in flight is bounded in bytes.
 */
export class IngestRun {
  readonly #parts: RunParts;
  #held: FramedBatch[] = [];
  #survey = { records: 0, findings: 0, bytes: 0 };
  #decision: Decision | undefined;
  #inFlightBytes = 0;
  #wakeSubmitter: () => void = () => undefined;
  /** Settles when everything dispatched so far has been accepted. */
  #tail: Promise<void> = Promise.resolve();
  #failure: { error: unknown } | undefined;
  #sinkAborted = false;

  constructor(parts: RunParts) {
    this.#parts = parts;
  }

  /** Resolves when there is room for more; false when reading on is of no use. */
  async submit(framed: FramedBatch): Promise<boolean> {
    if (this.#decision === undefined) {
      this.#hold(framed);
      if (!this.#surveyed) return true;
      await this.#decide();
    } else {
      await this.#dispatch(framed);
    }
    this.#throwFailure();
    if (!this.#parts.report.hopeless) return true;
    this.#parts.report.stop();
    return false;
  }

  /** Waits for everything that was submitted. */
  async drain(): Promise<void> {
    if (this.#decision === undefined) await this.#decide();
    await this.#tail;
    this.#throwFailure();
  }

  /** Waits for work that cannot be called back, then leaves nothing behind. */
  async abort(): Promise<void> {
    await this.#tail;
    await this.abortSink();
  }

  /** Called as soon as the file is known to be rejected, so that disk and compression are not wasted on it. */
  async abortSink(): Promise<void> {
    if (this.#sinkAborted) return;
    this.#sinkAborted = true;
    await this.#parts.sink.abort();
  }

  #hold(framed: FramedBatch): void {
    this.#held.push(framed);
    this.#survey.records += framed.records;
    this.#survey.findings += framed.findings.length;
    this.#survey.bytes += framed.batch?.bytes.byteLength ?? 0;
  }

  get #surveyed(): boolean {
    const { records, findings, bytes } = this.#survey;
    return records >= SURVEY_RECORDS || bytes >= SURVEY_BYTES || findings >= SURVEY_FINDINGS;
  }

  async #decide(): Promise<void> {
    const held = this.#held;
    this.#held = [];
    this.#survey = { records: 0, findings: 0, bytes: 0 };
    const sample = held.map((framed) => framed.batch).filter((batch) => batch !== undefined);
    if (sample.length === 0) {
      for (const framed of held) this.#parts.report.add(framed, undefined);
      return;
    }
    const reply = await this.#parts.session.decide({ sample, options: this.#parts.core });
    if ('findings' in reply.outcome) {
      this.#parts.report.undecided(reply.outcome.findings, countOf(held));
      return;
    }
    this.#decision = reply.outcome.decision;
    this.#parts.report.decide(this.#decision);
    for (const framed of withBatches(held, reply.sample)) await this.#dispatch(framed);
  }

  async #dispatch(framed: FramedBatch): Promise<void> {
    const sizeBytes = Math.max(LEAST_BATCH_BYTES, framed.batch?.bytes.buffer.byteLength ?? 0);
    await this.#roomFor(sizeBytes);
    this.#inFlightBytes += sizeBytes;
    const processing = framed.batch === undefined ? undefined : this.#process(framed.batch);
    // A rejection is seen when its turn comes; until then it must not count as unhandled.
    processing?.catch(() => undefined);
    this.#tail = this.#tail.then(() => this.#acceptInTurn(framed, processing, sizeBytes));
  }

  async #roomFor(sizeBytes: number): Promise<void> {
    while (this.#inFlightBytes > 0 && this.#inFlightBytes + sizeBytes > this.#parts.session.shareBytes) {
      this.#throwFailure();
      await new Promise<void>((resolve) => {
        this.#wakeSubmitter = resolve;
      });
    }
  }

  #process(batch: RecordBatch): Promise<ProcessedBatch> {
    const { session, sink, report, core } = this.#parts;
    if (this.#decision === undefined) throw new Error('a batch was dispatched before the kind was decided');
    const output = report.rejected ? ({ type: 'none' } as const) : sink.wish;
    return session.process({ batch, decision: this.#decision, options: core, output });
  }

  async #acceptInTurn(
    framed: FramedBatch,
    processing: Promise<ProcessedBatch> | undefined,
    sizeBytes: number,
  ): Promise<void> {
    try {
      const processed = await processing;
      if (this.#failure === undefined) await this.#accept(framed, processed);
      if (processed !== undefined) this.#parts.buffers.give(processed.buffer);
    } catch (error) {
      this.#failure ??= { error };
    } finally {
      this.#inFlightBytes -= sizeBytes;
      this.#wakeSubmitter();
    }
  }

  async #accept(framed: FramedBatch, processed: ProcessedBatch | undefined): Promise<void> {
    const { report, sink, onAccepted } = this.#parts;
    // What was in flight when the scan stopped is left out, so that the report does not depend on timing.
    if (report.hopeless) return report.stop();
    report.add(framed, processed?.result);
    onAccepted?.();
    if (report.rejected) return this.abortSink();
    if (processed === undefined || processed.result.content.byteLength === 0) return;
    const { content, written } = processed.result;
    await sink.write({ content, deflated: processed.deflated, records: written });
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

function countOf(held: readonly FramedBatch[]): { source: number; rejected: number } {
  const source = held.reduce((sum, framed) => sum + framed.records + framed.rejected, 0);
  return { source, rejected: source };
}

/** Puts the batches that came back from the thread in the place of those that were sent. */
function withBatches(held: readonly FramedBatch[], batches: readonly RecordBatch[]): FramedBatch[] {
  const returned = [...batches];
  return held.map((framed) => (framed.batch === undefined ? framed : { ...framed, batch: returned.shift() }));
}
