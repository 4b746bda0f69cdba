/** Runs tasks in the background, at most so many at once and one for each key. Tasks handle their own errors. */
export class TaskSet {
  readonly #atOnce: number;
  readonly #waiting = new Map<string, () => Promise<void>>();
  readonly #running = new Map<string, Promise<void>>();

  constructor(atOnce: number) {
    this.#atOnce = atOnce;
  }

  /** Does nothing when a task with this key waits or runs. */
  start(key: string, task: () => Promise<void>): void {
    if (this.#running.has(key) || this.#waiting.has(key)) return;
    this.#waiting.set(key, task);
    this.#fill();
  }

  has(key: string): boolean {
    return this.#running.has(key) || this.#waiting.has(key);
  }

  /** Resolves when nothing waits or runs. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.race(this.#running.values());
  }

  /** Forgets what has not begun. */
  cancelWaiting(): void {
    this.#waiting.clear();
  }

  #fill(): void {
    for (const [key, task] of this.#waiting) {
      if (this.#running.size >= this.#atOnce) return;
      this.#waiting.delete(key);
      this.#running.set(key, this.#run(key, task));
    }
  }

  async #run(key: string, task: () => Promise<void>): Promise<void> {
    try {
      await task();
    } finally {
      this.#running.delete(key);
      this.#fill();
    }
  }
}
