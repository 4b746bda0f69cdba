import { LongshoreError } from '@/lib/errors.ts';
import type { ReplicaRepository } from '@/lib/placement/replica-repository.ts';
import type { StoreRegistry } from '@/lib/placement/store-registry.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';

/** How fast the base store gives what it holds, seen from this process. */
export interface Throughput {
  bytesPerSecond: number;
  /** Until the first byte of an object. */
  latencyMs: number;
  /** Bytes that were read to learn it. */
  probedBytes: number;
}

const PROBE_BYTES = 4 << 20;

/** Reads the beginning of a few objects side by side. */
export class ReadProbe {
  readonly #replicas: ReplicaRepository;
  readonly #registry: StoreRegistry;
  readonly #now: () => number;

  constructor(parts: { replicas: ReplicaRepository; registry: StoreRegistry; now: () => number }) {
    this.#replicas = parts.replicas;
    this.#registry = parts.registry;
    this.#now = parts.now;
  }

  /** Undefined where nothing could be read. At most 4 MiB of each copy. */
  async measure(replicaIds: readonly string[], signal?: AbortSignal): Promise<Throughput | undefined> {
    const startedAt = this.#now();
    const readings = await Promise.all(replicaIds.map((id) => this.#read(id, signal)));
    const elapsedMs = Math.max(1, this.#now() - startedAt);
    const read = readings.filter((reading) => reading !== undefined && reading.bytes > 0);
    const probedBytes = read.reduce((sum, reading) => sum + (reading?.bytes ?? 0), 0);
    if (probedBytes === 0) return undefined;
    const latencies = read.map((reading) => reading?.latencyMs ?? 0).sort((a, b) => a - b);
    const latencyMs = latencies[Math.floor(latencies.length / 2)] ?? 0;
    return { bytesPerSecond: (probedBytes * 1000) / elapsedMs, latencyMs, probedBytes };
  }

  async #read(id: string, signal: AbortSignal | undefined): Promise<{ bytes: number; latencyMs: number } | undefined> {
    const replica = await this.#replicas.find(id);
    if (replica === undefined) return undefined;
    const startedAt = this.#now();
    try {
      const service = await this.#registry.resolve(replica);
      const range = { start: 0, end: PROBE_BYTES };
      const { body } = await service.get(replica.objectKey, { range, signal });
      const latencyMs = this.#now() - startedAt;
      let bytes = 0;
      for await (const chunk of body) bytes += (chunk as Uint8Array).byteLength;
      return { bytes, latencyMs };
    } catch (error) {
      // A copy that cannot be read tells nothing about speed; what is wrong with it is told elsewhere.
      const known = StorageError.is(error) || (error instanceof LongshoreError && error.code === 'store_unknown');
      if (known && !signal?.aborted) return undefined;
      throw error;
    }
  }
}
