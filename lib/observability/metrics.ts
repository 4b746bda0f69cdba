/** A small metrics registry, rendered in the Prometheus text format 0.0.4. Labels MUST come from small fixed sets. */
export type Labels = Readonly<Record<string, string | number>>;

export interface Counter {
  add(value?: number, labels?: Labels): void;
}

export interface Gauge {
  set(value: number, labels?: Labels): void;
  add(value: number, labels?: Labels): void;
}

export interface Histogram {
  /** In the unit that the name ends with. */
  observe(value: number, labels?: Labels): void;
}

interface Metric {
  type: 'counter' | 'gauge' | 'histogram';
  help: string;
  render(name: string): string[];
}

/** Seconds; from a cached answer to a long upload. */
export const DURATION_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300] as const;

export class Metrics {
  readonly #metrics = new Map<string, Metric & { face: Counter | Gauge | Histogram | undefined }>();

  /** Asking again for a name gives the same counter. Names end in `_total`. */
  counter(name: string, help: string): Counter {
    return this.#declare<Counter>(name, 'counter', help, (values) => ({
      add: (value = 1, labels) => values.add(value, labels),
    }));
  }

  gauge(name: string, help: string): Gauge {
    return this.#declare<Gauge>(name, 'gauge', help, (values) => ({
      set: (value, labels) => values.set(value, labels),
      add: (value, labels) => values.add(value, labels),
    }));
  }

  /** A gauge whose value is read when it is asked for. */
  observedGauge(name: string, help: string, read: () => number): void {
    const render = (own: string) => [`${own} ${formatNumber(read())}`];
    this.#metrics.set(name, { type: 'gauge', help, face: undefined, render });
  }

  histogram(name: string, help: string, bounds: readonly number[] = DURATION_BUCKETS): Histogram {
    const known = this.#metrics.get(name);
    if (known !== undefined) return known.face as Histogram;
    const series = new HistogramSeries(bounds);
    const face: Histogram = { observe: (value, labels) => series.observe(value, labels) };
    this.#metrics.set(name, { type: 'histogram', help, face, render: (own) => series.render(own) });
    return face;
  }

  render(): string {
    const lines = [...this.#metrics].flatMap(([name, metric]) => [
      `# HELP ${name} ${metric.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`,
      `# TYPE ${name} ${metric.type}`,
      ...metric.render(name),
    ]);
    return `${lines.join('\n')}\n`;
  }

  #declare<F extends Counter | Gauge>(
    name: string,
    type: 'counter' | 'gauge',
    help: string,
    make: (s: Series) => F,
  ): F {
    const known = this.#metrics.get(name);
    if (known?.face !== undefined) return known.face as F;
    const values = new Series();
    const face = make(values);
    this.#metrics.set(name, { type, help, face, render: (own) => values.render(own) });
    return face;
  }
}

class Series {
  readonly #values = new Map<string, number>();

  add(value: number, labels?: Labels): void {
    const key = labelText(labels);
    this.#values.set(key, (this.#values.get(key) ?? 0) + value);
  }

  set(value: number, labels?: Labels): void {
    this.#values.set(labelText(labels), value);
  }

  render(name: string): string[] {
    if (this.#values.size === 0) return [`${name} 0`];
    return [...this.#values].map(([labels, value]) => `${name}${braces(labels)} ${formatNumber(value)}`);
  }
}

class HistogramSeries {
  readonly #bounds: readonly number[];
  readonly #series = new Map<string, { counts: number[]; sum: number; count: number }>();

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
  }

  observe(value: number, labels?: Labels): void {
    const key = labelText(labels);
    const entry = this.#series.get(key) ?? { counts: this.#bounds.map(() => 0), sum: 0, count: 0 };
    this.#series.set(key, entry);
    entry.sum += value;
    entry.count += 1;
    const bucket = this.#bounds.findIndex((bound) => value <= bound);
    if (bucket >= 0) entry.counts[bucket] = (entry.counts[bucket] ?? 0) + 1;
  }

  render(name: string): string[] {
    return [...this.#series].flatMap(([labels, entry]) => {
      let total = 0;
      const buckets = this.#bounds.map((bound, i) => {
        total += entry.counts[i] ?? 0;
        return `${name}_bucket${braces(labels, `le="${formatNumber(bound)}"`)} ${total}`;
      });
      return [
        ...buckets,
        `${name}_bucket${braces(labels, 'le="+Inf"')} ${entry.count}`,
        `${name}_sum${braces(labels)} ${formatNumber(entry.sum)}`,
        `${name}_count${braces(labels)} ${entry.count}`,
      ];
    });
  }
}

function labelText(labels: Labels = {}): string {
  return Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}="${escapeLabel(String(value))}"`)
    .join(',');
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function braces(...parts: string[]): string {
  const inside = parts.filter((part) => part !== '').join(',');
  return inside === '' ? '' : `{${inside}}`;
}

function formatNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? '+Inf' : '-Inf';
}
