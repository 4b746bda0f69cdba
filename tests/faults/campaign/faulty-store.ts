import { Readable } from 'node:stream';
import { readByGet } from '@/lib/storage/read-whole.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type { ObjectReader, ReplayableBody, StorageService } from '@/lib/storage/storage-service.ts';
import { deferred } from '@/tests/support/deferred.ts';
import type { StepGate } from './step-gate.ts';

/** What a store does wrong. */
export const STORE_FAULTS = [
  /** Refuses for a while. */
  'unavailable',
  'unauthorized',
  'rate_limited',
  'quota_exceeded',
  /** Does what it was asked, and the answer is lost. */
  'lost_answer',
  /** Says that it wrote or removed, and did not. */
  'false_success',
  /** Keeps other bytes than it was given, or gives other bytes than it keeps. */
  'bit_flip',
  /** A transfer ends in its middle. */
  'truncate',
  /** Does not answer until it is released. */
  'stall',
] as const;
export type StoreFault = (typeof STORE_FAULTS)[number];

/** One store, one fault, from its nth call on for so many calls. */
export interface FaultScript {
  store: 'base' | 'bucket';
  fault: StoreFault;
  skip: number;
  times: number;
}

type Operation = 'put' | 'get' | 'stat' | 'delete' | 'list' | 'probe';

/** Makes the stores of a process misbehave as scripts say, and count as its steps. */
export class FaultyStores {
  readonly #gate: StepGate;
  #scripts: readonly FaultScript[] = [];
  #calls = { base: 0, bucket: 0 };
  readonly #released = deferred();
  /** Settles when a call stalls for the first time. */
  readonly stalled = deferred();

  constructor(gate: StepGate) {
    this.#gate = gate;
  }

  /** From here on the scripts' calls are counted. */
  begin(scripts: readonly FaultScript[]): void {
    this.#calls = { base: 0, bucket: 0 };
    this.#scripts = scripts;
  }

  /** No more faults, and what stalls goes on. */
  heal(): void {
    this.#scripts = [];
    this.#released.settle(undefined);
  }

  wrap(base: StorageService, store: 'base' | 'bucket'): StorageService {
    const call = async <T>(operation: Operation, run: (fault: StoreFault | undefined) => Promise<T>): Promise<T> => {
      await this.#gate.pass();
      const fault = this.#faultOf(store);
      if (fault === 'stall') await this.#stall();
      refuse(fault, operation);
      const result = await run(fault);
      await this.#gate.pass();
      if (fault === 'lost_answer') throw failure('unavailable', operation);
      return result;
    };
    const get: StorageService['get'] = (key, options) =>
      call('get', async (fault) => {
        const found = await base.get(key, options);
        // The reader of a dead process closes its file.
        if (this.#gate.dead) found.body.destroy();
        return fault === 'bit_flip' || fault === 'truncate' ? spoiled(found, fault) : found;
      });
    return {
      provider: base.provider,
      bucket: base.bucket,
      endpoint: base.endpoint,
      region: base.region,
      capabilities: base.capabilities,
      put: (key, body, options) =>
        call('put', async (fault) => {
          if (fault === 'truncate') throw failure('unavailable', 'put');
          if (fault === 'false_success') return { key, sizeBytes: body.sizeBytes, versionId: undefined };
          return base.put(key, fault === 'bit_flip' ? flipped(body) : body, options);
        }),
      get,
      read: (key, options) => readByGet(get, key, options, { provider: base.provider, operation: 'get', key }),
      stat: (key, options) => call('stat', () => base.stat(key, options)),
      delete: (key, options) =>
        call('delete', async (fault) => (fault === 'false_success' ? undefined : base.delete(key, options))),
      list: (prefix, options) => call('list', () => base.list(prefix, options)),
      presignGet: (key, options) => base.presignGet(key, options),
      abortUpload: (state) => base.abortUpload(state),
      probe: () => call('probe', () => base.probe()),
    };
  }

  #faultOf(store: 'base' | 'bucket'): StoreFault | undefined {
    const at = this.#calls[store];
    this.#calls[store] += 1;
    const acting = this.#scripts.find(
      (script) => script.store === store && at >= script.skip && at < script.skip + script.times,
    );
    return acting?.fault;
  }

  async #stall(): Promise<void> {
    this.stalled.settle(undefined);
    await this.#released.promise;
    await this.#gate.pass();
  }
}

function refuse(fault: StoreFault | undefined, operation: Operation): void {
  if (fault === 'unavailable' || fault === 'unauthorized' || fault === 'rate_limited' || fault === 'quota_exceeded') {
    throw failure(fault, operation);
  }
}

function failure(
  code: 'unavailable' | 'unauthorized' | 'rate_limited' | 'quota_exceeded',
  operation: Operation,
): StorageError {
  return new StorageError(code, { provider: 's3', operation, retry: 'exhausted' });
}

/** The store writes one bit wrong and notices nothing: no hash is announced to it. */
function flipped(body: ReplayableBody): ReplayableBody {
  const open = () => Readable.from(flipFirst(body.open()));
  return { sizeBytes: body.sizeBytes, open };
}

function spoiled(found: ObjectReader, fault: 'bit_flip' | 'truncate'): ObjectReader {
  const body = fault === 'bit_flip' ? flipFirst(found.body) : cutOff(found.body);
  return { ...found, body: Readable.from(body) };
}

async function* flipFirst(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let first = true;
  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk);
    if (first && bytes.length > 0) bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    first = false;
    yield bytes;
  }
}

async function* cutOff(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    yield chunk.subarray(0, chunk.length >> 1);
    throw failure('unavailable', 'get');
  }
}
