import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { WorkerTask } from './worker.ts';

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** One of the processes that work on a run, to be killed. A forgotten one ends with the test process. */
export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  /** What it said last: `over STATE …` when the run ended under its hands. */
  said = '';

  private constructor(task: WorkerTask) {
    const worker = fileURLToPath(new URL('./worker.ts', import.meta.url));
    this.#child = spawn(process.execPath, ['--import', 'tsx', worker, JSON.stringify(task)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    running.add(this.#child);
    this.#exited = once(this.#child, 'close').then(() => running.delete(this.#child));
  }

  /** Resolves once it works. */
  static async start(task: WorkerTask): Promise<WorkerProcess> {
    const worker = new WorkerProcess(task);
    if (worker.#child.stdout === null) throw new Error('a worker without output');
    const lines = createInterface(worker.#child.stdout);
    lines.on('line', (line) => {
      worker.said = line;
    });
    const begun = await Promise.race([once(lines, 'line'), worker.#exited]);
    if (!Array.isArray(begun)) throw new Error('the worker ended before it began');
    return worker;
  }

  /** Ends it in the middle of whatever it does; false when it had ended before. */
  async kill9(): Promise<boolean> {
    const alive = this.#child.exitCode === null && this.#child.signalCode === null;
    this.#child.kill('SIGKILL');
    await this.#exited;
    return alive && this.#child.signalCode === 'SIGKILL';
  }

  /** Waits until it ends by itself, and gives its last words. */
  async ended(): Promise<string> {
    await this.#exited;
    return this.said;
  }
}
