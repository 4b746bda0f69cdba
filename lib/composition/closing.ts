export type Close = () => void | Promise<void>;

/** What must be given back at the end, in the reverse order of its opening. */
export class Closing {
  readonly #steps: Close[] = [];
  #done: Promise<void> | undefined;

  add(step: Close): void {
    this.#steps.push(step);
  }

  /** Every step runs, once, also where one before it fails; the first failure is told. */
  run(): Promise<void> {
    this.#done ??= this.#runAll();
    return this.#done;
  }

  async #runAll(): Promise<void> {
    const failures: unknown[] = [];
    for (const step of this.#steps.reverse()) {
      try {
        await step();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
