import { type BatchBuffers, GrowingBuffer } from '@/lib/ingest/bytes/batch-buffers.ts';
import type { RecordBatch } from '@/lib/ingest/core/contract.ts';
import { finding } from '@/lib/ingest/fatal-finding.ts';
import type { Finding } from '@/lib/ingest/types.ts';
import type { FramedBatch } from './framed-batch.ts';

/** Findings that wait for the next batch; where no record comes they go out without one, so that they never pile up. */
const MOST_WAITING = 1000;

type CutDetails = Pick<RecordBatch, 'lines' | 'cells'> & { lineStep?: 0 | 1 };

/**
 * Collects the bytes of one batch after the other and keeps their numbering. Readers append, count records and decide
 * where to cut; this class knows how a batch is handed over.
 */
export class BatchWriter {
  readonly buffer: GrowingBuffer;
  readonly #framing: RecordBatch['framing'];
  #records = 0;
  #rejected = 0;
  #findings: Finding[] = [];
  #ready: FramedBatch[] = [];
  #nextRecord = 1;
  #firstRecord = 1;

  constructor(buffers: BatchBuffers, framing: RecordBatch['framing']) {
    this.buffer = new GrowingBuffer(buffers);
    this.#framing = framing;
  }

  /** Records in the batch that is being filled. */
  get records(): number {
    return this.#records;
  }

  /** The batch carries so many findings that it should be cut. */
  get isFull(): boolean {
    return this.#findings.length >= MOST_WAITING;
  }

  /** 1-based number that the next record gets. */
  get nextRecord(): number {
    return this.#nextRecord;
  }

  countRecord(): void {
    this.#nextRecord++;
    this.#records++;
  }

  report(found: Finding): void {
    if (this.#records === 0 && this.#findings.length >= MOST_WAITING) this.#emit(undefined);
    this.#findings.push(found);
  }

  /** Rejects a record that is too large to hold. Whatever was collected before MUST have been cut. */
  rejectOversized(line: number | undefined, maxRecordBytes: number): void {
    this.report(
      finding('E_RECORD_TOO_LARGE', 'error', `The record is larger than ${maxRecordBytes} bytes and was skipped.`, {
        line,
        record: this.#nextRecord,
        hint: 'Split the record, or raise MAX_RECORD_BYTES.',
      }),
    );
    this.skipRecord();
  }

  /** Counts a source record that is in no batch. Only valid right after a cut. */
  skipRecord(): void {
    this.#rejected++;
    this.#nextRecord++;
    this.#firstRecord = this.#nextRecord;
  }

  /** Closes the current batch; without records it only carries findings on. */
  cut(firstLine: number, extra: CutDetails = {}): void {
    if (this.#records > 0) {
      const { lineStep, ...details } = extra;
      const bytes = this.buffer.detach();
      const batch = { bytes, framing: this.#framing, firstLine, firstRecord: this.#firstRecord, ...details };
      this.#emit(batch, lineStep);
    } else {
      this.buffer.length = 0;
    }
    this.#firstRecord = this.#nextRecord;
  }

  /** Batches that were cut since the last call. */
  take(): FramedBatch[] {
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }

  /** What is left at the end of the file; call after the last cut. */
  finish(): FramedBatch[] {
    this.buffer.release();
    if (this.#rejected > 0 || this.#findings.length > 0) this.#emit(undefined);
    return this.take();
  }

  #emit(batch: RecordBatch | undefined, lineStep?: 0 | 1): void {
    const counted = { records: this.#records, rejected: this.#rejected, findings: this.#findings };
    this.#ready.push({ batch, ...counted, lineStep });
    this.#records = 0;
    this.#rejected = 0;
    this.#findings = [];
  }
}
