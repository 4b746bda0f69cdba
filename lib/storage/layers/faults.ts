import { pipeline, type Readable, Transform } from 'node:stream';
import { type RunCall, type StorageCall, StorageLayer } from '@/lib/storage/layers/storage-layer.ts';
import { readByGet } from '@/lib/storage/read-whole.ts';
import { StorageError, type StorageErrorCode } from '@/lib/storage/storage-error.ts';
import type {
  GetOptions,
  ObjectReader,
  ReadObject,
  ReadOptions,
  StorageService,
} from '@/lib/storage/storage-service.ts';

/** What goes wrong with one call. */
export type Fault =
  | { kind: 'error'; code: StorageErrorCode; retryAfterMs?: number }
  /** The call is done, but the answer is lost. */
  | { kind: 'error_after'; code: StorageErrorCode }
  /** Nothing happens until the caller gives up. */
  | { kind: 'stall' }
  /** The body breaks off, or stands still, or has one bit turned, after so many bytes. */
  | { kind: 'cut_body' | 'stall_body' | 'flip_bit'; afterBytes: number };

/** Decides for every call, in order, whether something goes wrong with it. */
export type FaultPlan = (call: StorageCall) => Fault | undefined;

/** A layer for tests and the demo: a store that fails as told. */
export function faults(inner: StorageService, plan: FaultPlan): StorageService {
  return new FaultLayer(inner, plan);
}

/** The given faults for the first calls of an operation, one each; then none. */
export function faultSequence(operation: StorageCall['operation'], ...sequence: (Fault | undefined)[]): FaultPlan {
  const left = [...sequence];
  return (call) => (call.operation === operation ? left.shift() : undefined);
}

class FaultLayer extends StorageLayer {
  private readonly plan: FaultPlan;

  constructor(inner: StorageService, plan: FaultPlan) {
    super(inner);
    this.plan = plan;
  }

  override async get(key: string, options: GetOptions = {}): Promise<ObjectReader> {
    const call = { operation: 'get', key, signal: options.signal } as const;
    const fault = this.plan(call);
    const reader = await this.apply(call, fault, () => this.inner.get(key, options));
    const harm = bodyFault(
      fault,
      () => new StorageError('unavailable', { ...this.contextOf(call), detail: 'connection cut' }),
    );
    return harm === undefined ? reader : { stat: reader.stat, body: through(reader.body, harm) };
  }

  /** The bytes of `get`, faults of bodies included. */
  override read(key: string, options: ReadOptions): Promise<ReadObject> {
    return readByGet((...call) => this.get(...call), key, options, {
      ...this.contextOf({ operation: 'get', key, signal: options.signal }),
    });
  }

  protected around<T>(call: StorageCall, run: RunCall<T>): Promise<T> {
    return this.apply(call, this.plan(call), () => run(call.signal));
  }

  private async apply<T>(call: StorageCall, fault: Fault | undefined, run: () => Promise<T>): Promise<T> {
    if (fault?.kind === 'error')
      throw new StorageError(fault.code, { ...this.contextOf(call), retryAfterMs: fault.retryAfterMs });
    if (fault?.kind === 'stall') await untilAborted(call.signal);
    const result = await run();
    if (fault?.kind === 'error_after') throw new StorageError(fault.code, this.contextOf(call));
    return result;
  }
}

function untilAborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal?.aborted) reject(signal.reason);
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

function bodyFault(fault: Fault | undefined, makeError: () => Error): Transform | undefined {
  if (fault === undefined || !('afterBytes' in fault)) return undefined;
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      const at = fault.afterBytes - seen;
      seen += chunk.length;
      if (at < 0 || at >= chunk.length) return callback(null, chunk);
      if (fault.kind === 'flip_bit') return callback(null, withFlippedBit(chunk, at));
      this.push(chunk.subarray(0, at));
      if (fault.kind === 'cut_body') callback(makeError());
    },
  });
}

function withFlippedBit(chunk: Buffer, at: number): Buffer {
  const copy = Buffer.from(chunk);
  copy.writeUInt8(copy.readUInt8(at) ^ 1, at);
  return copy;
}

/** Errors reach the reader through the stream itself. */
function through(source: Readable, transform: Transform): Readable {
  return pipeline(source, transform, () => undefined);
}
