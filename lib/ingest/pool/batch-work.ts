import { constants, deflateRawSync } from 'node:zlib';
import { copyInto } from '@/lib/ingest/bytes/copy-into.ts';
import type { BatchResult, Decision, IngestCore, RecordBatch } from '@/lib/ingest/core/contract.ts';
import type { BatchWork, ProcessedBatch } from './messages.ts';

type Processor = (batch: RecordBatch) => BatchResult;

/** The work inside a thread: the core's judgement of a batch, then its compression. One processor an upload is kept. */
export class BatchWorker {
  readonly #core: Pick<IngestCore, 'createBatchProcessor'>;
  readonly #processors = new Map<number, Processor>();

  constructor(core: Pick<IngestCore, 'createBatchProcessor'>) {
    this.#core = core;
  }

  process(upload: number, { batch, decision, options, output }: BatchWork): ProcessedBatch {
    const result = this.#processor(upload, decision, options)(batch);
    const { content } = result;
    const deflated =
      output.type === 'deflate' && content.byteLength > 0 ? deflateBlock(content, output.level) : undefined;
    const { buffer } = batch.bytes;
    const space = new ReplySpace(buffer);
    // Of its own each time: what has been sent to another thread cannot be sent again.
    const kept = output.type === 'none' ? new Uint8Array(0) : space.put(content);
    return { result: { ...ownArrays(result), content: kept }, deflated: deflated && space.put(deflated), buffer };
  }

  forget(upload: number): void {
    this.#processors.delete(upload);
  }

  #processor(upload: number, decision: Decision, options: BatchWork['options']): Processor {
    const known = this.#processors.get(upload);
    if (known !== undefined) return known;
    const created = this.#core.createBatchProcessor(decision, options);
    this.#processors.set(upload, created);
    return created;
  }
}

/** The core may keep its arrays; what is sent away must be ours, and no more than what is used. */
function ownArrays(result: BatchResult): BatchResult {
  return {
    ...result,
    hashes: result.hashes.slice(),
    recordNumbers: result.recordNumbers?.slice(),
    questions: result.questions?.slice(),
    answers: result.answers?.slice(),
  };
}

/**
 * A piece of a gzip member that can be inflated alone. Level 5 with the largest match table is what costs least among
 * the settings that stay within 2 % of `gzip -6` (bench/README.md).
 */
export function deflateBlock(content: Uint8Array, level: number): Uint8Array {
  return deflateRawSync(content, {
    level,
    memLevel: 9,
    finishFlush: constants.Z_FULL_FLUSH,
    chunkSize: Math.max(1 << 16, content.byteLength >> 1),
  });
}

/** Puts results into the batch's own buffer, one after the other while they fit, else into memory of their own. */
class ReplySpace {
  readonly #buffer: ArrayBufferLike;
  #used = 0;

  constructor(buffer: ArrayBufferLike) {
    this.#buffer = buffer;
  }

  put(bytes: Uint8Array): Uint8Array {
    if (this.#used + bytes.byteLength > this.#buffer.byteLength) return new Uint8Array(bytes);
    const place = new Uint8Array(this.#buffer, this.#used, bytes.byteLength);
    copyInto(place, 0, bytes);
    this.#used += bytes.byteLength;
    return place;
  }
}
