import type { Database } from '@/lib/db/database.ts';

/**
 * Counts the steps of one process to its stores and its database, and lets the process "die" at one of them: from then on
 * nothing that it begins happens and nothing that it waits for comes. What it had sent before is done.
 */
export class StepGate {
  /** Steps so far. */
  steps = 0;
  /** The process dies when it is about to take this step; undefined: never. */
  killAt: number | undefined;
  /** Called once, at death. */
  onKill: () => void = () => undefined;
  #dead = false;

  get dead(): boolean {
    return this.#dead;
  }

  /** One step. Never resolves for a dead process. */
  async pass(): Promise<void> {
    if (!this.take()) await NEVER;
  }

  kill(): void {
    if (this.#dead) return;
    this.#dead = true;
    this.onKill();
  }

  /** False when the process is dead, or dies here. */
  take(): boolean {
    if (!this.#dead && this.steps === this.killAt) this.kill();
    this.steps += 1;
    return !this.#dead;
  }

  /** The database as this process reaches it. Each statement and each end of a transaction is a step. */
  database(db: Database): Database {
    return new Proxy(db, {
      get: (target, name) => {
        const value = Reflect.get(target, name, target) as unknown;
        if (typeof value !== 'function' || typeof name !== 'string' || !STATEMENTS.has(name)) return value;
        if (name === 'transaction') return this.#transaction(target);
        return (...args: unknown[]) => (this.take() ? Reflect.apply(value, target, args) : NOTHING);
      },
    });
  }

  #transaction(db: Database): Database['transaction'] {
    return async (work, config) => {
      await this.pass();
      const result = await db.transaction(work, config);
      // Committed, and the process dies before it learns so.
      await this.pass();
      return result;
    };
  }
}

const STATEMENTS = new Set(['transaction', 'execute', 'select', 'selectDistinct', 'insert', 'update', 'delete']);
const NEVER = new Promise<never>(() => undefined);

/** A query of the dead: every clause may be added, and no answer ever comes. */
const NOTHING: object = new Proxy(() => undefined, {
  get: (_target, name) => (name === 'then' ? () => undefined : NOTHING),
  apply: () => NOTHING,
});
