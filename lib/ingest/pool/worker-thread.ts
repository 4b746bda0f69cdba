import { Worker } from 'node:worker_threads';
import { LongshoreError, messageOf } from '@/lib/errors.ts';
import type { FromWorker, TaskMessage, ToWorker } from './messages.ts';

/** One unit of work for a thread. */
export interface Task {
  upload: number;
  message: TaskMessage;
  transfer: ArrayBuffer[];
  resolve: (reply: FromWorker) => void;
  reject: (error: LongshoreError) => void;
}

export interface ThreadLimits {
  /** A thread that needs more dies alone, and only its upload fails. */
  heapMb: number;
}

/** A batch leaves hardly any garbage: what is kept for it is memory lost. */
const YOUNG_MB = 3;

/** A thread and the tasks that were sent to it. All of them belong to one upload, so that a crash harms no other. */
export class WorkerThread {
  readonly #worker: Worker;
  readonly #tasks = new Map<number, Task>();
  readonly #onFree: () => void;
  readonly #onGone: (thread: WorkerThread) => void;

  constructor(url: URL, limits: ThreadLimits, events: { onFree: () => void; onGone: (thread: WorkerThread) => void }) {
    this.#onFree = events.onFree;
    this.#onGone = events.onGone;
    this.#worker = new Worker(url, {
      resourceLimits: { maxOldGenerationSizeMb: limits.heapMb, maxYoungGenerationSizeMb: YOUNG_MB },
    });
    this.#worker.on('message', (reply: FromWorker) => this.#settle(reply));
    this.#worker.on('error', (error) => this.#die(messageOf(error)));
    this.#worker.on('exit', (code) => this.#die(`it exited with code ${code}`));
  }

  get load(): number {
    return this.#tasks.size;
  }

  /** The upload it works for now; undefined when idle. */
  get upload(): number | undefined {
    return this.#tasks.values().next().value?.upload;
  }

  send(task: Task): void {
    this.#tasks.set(task.message.task, task);
    this.#worker.postMessage(task.message, task.transfer);
  }

  forget(upload: number): void {
    this.#worker.postMessage({ type: 'forget', upload } satisfies ToWorker);
  }

  /** Ends the thread; what it was doing rejects with `ingest_pool_closed`. */
  async close(): Promise<void> {
    this.#failTasks(poolClosed());
    await this.#worker.terminate();
  }

  #settle(reply: FromWorker): void {
    const task = this.#tasks.get(reply.task);
    this.#tasks.delete(reply.task);
    if (reply.type === 'failed') task?.reject(processingFailed(reply.message));
    else task?.resolve(reply);
    this.#onFree();
  }

  #die(reason: string): void {
    this.#failTasks(threadDied(reason));
    this.#onGone(this);
  }

  #failTasks(error: LongshoreError): void {
    const lost = [...this.#tasks.values()];
    this.#tasks.clear();
    for (const task of lost) task.reject(error);
  }
}

function processingFailed(reason: string): LongshoreError {
  return new LongshoreError('ingest_failed', `The file could not be processed: ${reason}.`, {
    hint: 'This is a fault of Longshore, not of the file. Please report it with the format of the file.',
  });
}

function threadDied(reason: string): LongshoreError {
  return new LongshoreError('ingest_worker_died', `The thread that read this file died: ${reason}.`, {
    hint: 'Other uploads go on. If it happens again with this file, look for records of extreme size or nesting.',
  });
}

export function poolClosed(): LongshoreError {
  return new LongshoreError('ingest_pool_closed', 'The server is shutting down and stopped reading this file.', {
    hint: 'Upload it again in a moment.',
  });
}
