import type { EstimateQueries, SizeClass, Totals, UserVolume } from '@/lib/migration/estimate/estimate-queries.ts';
import { type Cost, costOf, type PriceList, type Prices } from '@/lib/migration/estimate/prices.ts';
import type { ReadProbe, Throughput } from '@/lib/migration/estimate/read-probe.ts';
import { DEFAULT_CONCURRENCY } from '@/lib/migration/types.ts';

export interface EstimateOptions {
  /** Given instead of measured. */
  bytesPerSecond?: number;
  prices?: Partial<Prices>;
  /** Users to name. */
  users?: number;
  signal?: AbortSignal;
}

export interface Estimate extends Totals {
  sizes: SizeClass[];
  /** Those who have most to copy; `users` counts all. */
  largest_users: UserVolume[];
  time: {
    /** Null where nothing is known: there is nothing to read yet, and no rate was given. */
    seconds: number | null;
    bytes_per_second: number | null;
    latency_ms: number | null;
    source: 'measured' | 'stated' | 'unknown';
    concurrency: number;
  };
  cost: Cost & { prices: Prices; prices_source: string; prices_as_of: string };
}

/** A part of an upload, and so a request. */
const PART_BYTES = 8 << 20;
/** Each byte is copied and read back; each object is asked for, written, and asked for again. */
const PASSES = 2;
const ROUND_TRIPS = 4;

/** Says beforehand what a migration would move, how long it would take, and what it would cost. */
export class Estimator {
  readonly #queries: EstimateQueries;
  readonly #probe: ReadProbe;
  readonly #list: PriceList;

  constructor(parts: { queries: EstimateQueries; probe: ReadProbe; prices: PriceList }) {
    this.#queries = parts.queries;
    this.#probe = parts.probe;
    this.#list = parts.prices;
  }

  async estimate(options: EstimateOptions = {}): Promise<Estimate> {
    const totals = await this.#queries.totals();
    return {
      ...totals,
      sizes: await this.#queries.sizes(),
      largest_users: await this.#queries.users(options.users ?? 20),
      time: await this.#time(totals, options),
      cost: this.#cost(totals, options.prices ?? {}),
    };
  }

  async #time({ to_copy: { datasets, bytes } }: Totals, options: EstimateOptions): Promise<Estimate['time']> {
    const measured = options.bytesPerSecond === undefined ? await this.#measure(options.signal) : undefined;
    const rate = options.bytesPerSecond ?? measured?.bytesPerSecond;
    const latencyMs = measured?.latencyMs ?? 0;
    const waiting = (datasets * ROUND_TRIPS * latencyMs) / 1000 / DEFAULT_CONCURRENCY;
    const seconds = rate === undefined ? null : Math.ceil(Math.max((bytes * PASSES) / rate, waiting));
    return {
      seconds: bytes === 0 ? 0 : seconds,
      bytes_per_second: rate === undefined ? null : Math.round(rate),
      latency_ms: measured === undefined ? null : Math.round(latencyMs),
      source: options.bytesPerSecond !== undefined ? 'stated' : measured === undefined ? 'unknown' : 'measured',
      concurrency: DEFAULT_CONCURRENCY,
    };
  }

  async #measure(signal: AbortSignal | undefined): Promise<Throughput | undefined> {
    return this.#probe.measure(await this.#queries.samples(), signal);
  }

  #cost({ to_copy, unread }: Totals, given: Partial<Prices>): Estimate['cost'] {
    const stated = Object.fromEntries(Object.entries(given).filter(([, price]) => price !== undefined));
    const prices = { ...this.#list.prices, ...stated };
    const { datasets: objects, bytes } = to_copy;
    const cost = costOf({ objects, bytes, sourceBytes: bytes + unread.bytes, partBytes: PART_BYTES }, prices);
    const { source, asOf } = this.#list;
    return { ...cost, prices, prices_source: source, prices_as_of: asOf };
  }
}
