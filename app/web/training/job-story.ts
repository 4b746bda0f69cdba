import type { TrainingJobEvent } from '../shared/api/types.ts';

export interface LogLine {
  /** Unlike that of any other line. */
  key: number;
  at: string;
  stream: string;
  text: string;
}

export interface MetricPoint {
  x: number;
  value: number;
}

export interface Step {
  id: number;
  at: string;
  attempt: number;
  kind: 'state' | 'stage';
  data: Record<string, unknown>;
}

/** What is kept in the page: the last lines, every step, and each metric of the latest attempt. */
export interface Story {
  lines: readonly LogLine[];
  /** Earlier lines that were let go. */
  dropped: number;
  steps: readonly Step[];
  metrics: ReadonlyMap<string, readonly MetricPoint[]>;
}

const MOST_LINES = 5000;

/** Gathers a job's events in their order; `story()` is a new value after each change. */
export class StoryTeller {
  #lines: LogLine[] = [];
  #open = new Map<string, LogLine>();
  #dropped = 0;
  #nextKey = 0;
  #steps: Step[] = [];
  #metrics = new Map<string, MetricPoint[]>();
  #attempt = 0;
  #lastId = 0;

  /** An event that was taken in before changes nothing. */
  add(event: TrainingJobEvent): void {
    if (event.id <= this.#lastId) return;
    this.#lastId = event.id;
    if (event.attempt > this.#attempt) this.#begin(event.attempt);
    if (event.kind === 'log') this.#log(event);
    else if (event.kind === 'metric') this.#measure(event);
    else this.#steps.push({ ...event, kind: event.kind });
  }

  story(): Story {
    return {
      lines: [...this.#lines],
      dropped: this.#dropped,
      steps: [...this.#steps],
      metrics: new Map([...this.#metrics].map(([name, points]) => [name, [...points]])),
    };
  }

  /** Curves of two attempts in one chart would cross each other. */
  #begin(attempt: number): void {
    this.#attempt = attempt;
    this.#metrics.clear();
    this.#open.clear();
  }

  /** A text without a line's end is gone on with by the next one of its stream. */
  #log({ at, data }: TrainingJobEvent): void {
    const stream = `${data.stream}${machine(data.shard)}`;
    const parts = String(data.text).split('\n');
    const rest = parts.pop() ?? '';
    for (const part of parts) {
      this.#extend(stream, at, part);
      this.#open.delete(stream);
    }
    if (rest !== '') this.#open.set(stream, this.#extend(stream, at, rest));
    const excess = this.#lines.length - MOST_LINES;
    if (excess <= 0) return;
    this.#lines.splice(0, excess);
    this.#dropped += excess;
  }

  #extend(stream: string, at: string, text: string): LogLine {
    const open = this.#open.get(stream);
    if (open !== undefined) {
      open.text += text;
      return open;
    }
    const line = { key: this.#nextKey++, at, stream, text };
    this.#lines.push(line);
    return line;
  }

  #measure({ data }: TrainingJobEvent): void {
    const values = Object.entries((data.values ?? {}) as Record<string, number>);
    for (const [measure, value] of values) {
      const name = `${measure}${machine(data.shard)}`;
      const points = this.#metrics.get(name) ?? [];
      this.#metrics.set(name, points);
      points.push({ x: Number(data.step ?? data.epoch ?? points.length + 1), value });
    }
  }
}

/** Several machines count from 0. */
function machine(shard: unknown): string {
  return shard === undefined ? '' : ` of machine ${shard}`;
}

/** At most so many, ascending in x, the first and the last among them. */
export function thinned(points: readonly MetricPoint[], most = 400): MetricPoint[] {
  const sorted = [...points].sort((a, b) => a.x - b.x);
  if (sorted.length <= most) return sorted;
  const last = sorted.length - 1;
  return Array.from({ length: most }, (_, i) => sorted[Math.round((i * last) / (most - 1))] as MetricPoint);
}
