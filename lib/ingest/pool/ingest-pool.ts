import { availableParallelism } from 'node:os';
import { entryPoint } from '@/lib/config/entry-points.ts';
import { BatchBuffers } from '@/lib/ingest/bytes/batch-buffers.ts';
import { BATCH_BYTES } from '@/lib/ingest/containers/framed-batch.ts';
import type { RecordBatch } from '@/lib/ingest/core/contract.ts';
import type { BatchWork, DecideOutcome, DecideWork, FromWorker, ProcessedBatch, TaskMessage } from './messages.ts';
import { poolClosed, type Task, WorkerThread } from './worker-thread.ts';

export interface IngestPoolOptions {
  /** Default: one a core. */
  threads?: number;
  /** Bytes of buffers on the way through the threads, of all uploads together. Default 16 MiB. */
  inFlightBytes?: number;
  /** Heap of one thread. Default 160. */
  threadHeapMb?: number;
  /** The thread's code. Default: the built lib/ingest/ingest.worker. */
  workerUrl?: URL;
}

/** Started when an upload begins, while its first bytes arrive; more are only started where there is work for them. */
const THREADS_AT_ONCE = 2;
/** One task runs, the next already waits in the thread's port, so that no thread idles while the main thread is busy. */
const TASKS_PER_THREAD = 2;
const MIN_SHARE_BYTES = 2 << 20;
/** A batch with the rest of the record that ends it fits, and after it was read its content with its compressed form. */
const BUFFER_BYTES = BATCH_BYTES * 1.75;
const FREE_BUFFERS = 12;

/**
 * The threads that all uploads share. Waiting uploads take turns batch by batch, so a small file is not held up by a
 * large one. Threads start when the first upload comes, and a dead one is replaced.
 */
export class IngestPool {
  readonly #limits: Required<IngestPoolOptions>;
  readonly #threads: WorkerThread[] = [];
  /** Waiting tasks by upload, in turn order: the upload that was served goes to the end. */
  readonly #waiting = new Map<number, Task[]>();
  readonly #uploads = new Set<number>();
  /** @internal For sessions. */
  readonly buffers = new BatchBuffers(BUFFER_BYTES, FREE_BUFFERS);
  #nextId = 1;
  #closed = false;

  constructor(options: IngestPoolOptions = {}) {
    this.#limits = {
      threads: options.threads ?? availableParallelism(),
      inFlightBytes: options.inFlightBytes ?? 16 << 20,
      threadHeapMb: options.threadHeapMb ?? 160,
      workerUrl: options.workerUrl ?? entryPoint('lib/ingest/ingest.worker'),
    };
  }

  /** What one upload may have in flight now: its share, but never so little that it could not proceed. */
  get shareBytes(): number {
    return Math.max(MIN_SHARE_BYTES, this.#limits.inFlightBytes / Math.max(1, this.#uploads.size));
  }

  /** A session for one upload. It MUST be ended. */
  open(): PoolSession {
    const upload = this.#nextId++;
    this.#uploads.add(upload);
    while (!this.#closed && this.#threads.length < THREADS_AT_ONCE && this.#startThread() !== undefined);
    return new PoolSession(this, upload);
  }

  /** @internal For sessions. */
  submit(upload: number, message: (task: number) => TaskMessage, transfer: ArrayBuffer[]) {
    return new Promise<FromWorker>((resolve, reject) => {
      if (this.#closed) return reject(poolClosed());
      const task: Task = { upload, message: message(this.#nextId++), transfer, resolve, reject };
      const queue = this.#waiting.get(upload);
      if (queue === undefined) this.#waiting.set(upload, [task]);
      else queue.push(task);
      this.#pump();
    });
  }

  /** @internal For sessions. Tasks that wait are dropped, tasks that run are let finish. */
  release(upload: number): void {
    for (const task of this.#waiting.get(upload) ?? []) task.reject(poolClosed());
    this.#waiting.delete(upload);
    this.#uploads.delete(upload);
    for (const thread of this.#threads) thread.forget(upload);
  }

  /** Ends all threads. Work that is not finished rejects with `ingest_pool_closed`. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const upload of [...this.#waiting.keys()]) this.release(upload);
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }

  #pump(): void {
    while (this.#waiting.size > 0 && !this.#closed) {
      const next = this.#nextAssignment();
      if (next === undefined) return;
      next.thread.send(next.task);
    }
  }

  #nextAssignment(): { thread: WorkerThread; task: Task } | undefined {
    const idle = this.#threads.find((thread) => thread.load === 0) ?? this.#startThread();
    if (idle !== undefined) {
      const [upload] = this.#waiting.keys();
      return upload === undefined ? undefined : { thread: idle, task: this.#take(upload) };
    }
    if (this.#waiting.size > 1) return undefined;
    const thread = this.#threads.find(
      ({ load, upload }) => load < TASKS_PER_THREAD && upload !== undefined && this.#waiting.has(upload),
    );
    return thread?.upload === undefined ? undefined : { thread, task: this.#take(thread.upload) };
  }

  #take(upload: number): Task {
    const queue = this.#waiting.get(upload) ?? [];
    const task = queue.shift();
    if (task === undefined) throw new Error('an upload without waiting tasks was in the queue');
    this.#waiting.delete(upload);
    if (queue.length > 0) this.#waiting.set(upload, queue);
    return task;
  }

  #startThread(): WorkerThread | undefined {
    if (this.#threads.length >= this.#limits.threads) return undefined;
    const thread = new WorkerThread(
      this.#limits.workerUrl,
      { heapMb: this.#limits.threadHeapMb },
      { onFree: () => this.#pump(), onGone: (gone) => this.#replace(gone) },
    );
    this.#threads.push(thread);
    return thread;
  }

  #replace(gone: WorkerThread): void {
    const position = this.#threads.indexOf(gone);
    if (position !== -1) this.#threads.splice(position, 1);
    this.#pump();
  }
}

/** One upload's way to the threads. */
export class PoolSession {
  readonly #pool: IngestPool;
  readonly #upload: number;

  constructor(pool: IngestPool, upload: number) {
    this.#pool = pool;
    this.#upload = upload;
  }

  get shareBytes(): number {
    return this.#pool.shareBytes;
  }

  /** Where batches are to be framed. */
  get buffers(): BatchBuffers {
    return this.#pool.buffers;
  }

  /** The sample's buffers come back unchanged, to be processed next. */
  async decide(work: DecideWork): Promise<{ outcome: DecideOutcome; sample: readonly RecordBatch[] }> {
    const transfer = work.sample.flatMap((batch) => buffersOf(batch));
    const reply = await this.#pool.submit(this.#upload, (task) => ({ type: 'decide', task, work }), transfer);
    if (reply.type !== 'decided') throw new Error(`a thread answered ${reply.type} to decide`);
    return reply;
  }

  /** Takes the batch's buffer, which MUST not be touched until it comes back with the result. */
  async process(work: BatchWork): Promise<ProcessedBatch> {
    const upload = this.#upload;
    const message = (task: number) => ({ type: 'batch', task, upload, work }) as const;
    const reply = await this.#pool.submit(upload, message, buffersOf(work.batch));
    if (reply.type !== 'processed') throw new Error(`a thread answered ${reply.type} to batch`);
    return reply.processed;
  }

  end(): void {
    this.#pool.release(this.#upload);
  }
}

function buffersOf(batch: RecordBatch): ArrayBuffer[] {
  const buffers = [batch.bytes.buffer, batch.lines?.buffer];
  return buffers.filter((buffer) => buffer instanceof ArrayBuffer);
}
