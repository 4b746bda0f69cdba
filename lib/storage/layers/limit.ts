import { Semaphore } from '@/lib/storage/layers/semaphore.ts';
import { type RunCall, type StorageCall, StorageLayer } from '@/lib/storage/layers/storage-layer.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type { GetOptions, ObjectReader, StorageService } from '@/lib/storage/storage-service.ts';

export interface LimitOptions {
  /** Puts at a time. Default 4. */
  maxPuts?: number;
  /** Open downloads at a time. Default 16. */
  maxGets?: number;
  /** Small requests at a time: stat, list, delete, presign. Default 64. */
  maxRequests?: number;
}

/**
 * Bounds what runs at the same time, in three lanes: long uploads never keep a signature waiting, and a copy from a store
 * to itself cannot lock itself out. A `get` holds its slot until its body closes.
 */
export function limit(inner: StorageService, options: LimitOptions = {}): StorageService {
  return new LimitLayer(inner, options);
}

class LimitLayer extends StorageLayer {
  private readonly puts: Semaphore;
  private readonly gets: Semaphore;
  private readonly requests: Semaphore;

  constructor(inner: StorageService, options: LimitOptions) {
    super(inner);
    this.puts = new Semaphore(options.maxPuts ?? 4);
    this.gets = new Semaphore(options.maxGets ?? 16);
    this.requests = new Semaphore(options.maxRequests ?? 64);
  }

  override async get(key: string, options: GetOptions = {}): Promise<ObjectReader> {
    const release = await this.acquire({ operation: 'get', key, signal: options.signal });
    try {
      const reader = await this.inner.get(key, options);
      if (reader.body.closed) release();
      else reader.body.once('close', release);
      return reader;
    } catch (error) {
      release();
      throw error;
    }
  }

  protected async around<T>(call: StorageCall, run: RunCall<T>): Promise<T> {
    const release = await this.acquire(call);
    try {
      return await run(call.signal);
    } finally {
      release();
    }
  }

  private async acquire(call: StorageCall): Promise<() => void> {
    const lane = call.operation === 'put' ? this.puts : call.operation === 'get' ? this.gets : this.requests;
    try {
      return await lane.acquire(call.signal);
    } catch (cause) {
      throw new StorageError('aborted', { ...this.contextOf(call), cause });
    }
  }
}
