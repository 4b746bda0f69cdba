import { Worker } from 'node:worker_threads';
import { entryPoint } from '@/lib/config/entry-points.ts';
import { messageOf } from '@/lib/errors.ts';
import { TemporaryFile } from '@/lib/ingest/bytes/temporary-file.ts';
import type { ContainerContext } from '@/lib/ingest/containers/container-context.ts';
import type { FramedBatch } from '@/lib/ingest/containers/framed-batch.ts';
import { FatalFinding } from '@/lib/ingest/fatal-finding.ts';
import type { ByteSource } from '@/lib/streams/byte-source.ts';
import { type FromParquet, MORE, type ParquetTask } from './messages.ts';

const THREAD_HEAP_MB = 512;

/** Parquet's directory is at its end, so the file waits on disk; a thread of its own decodes it. */
export async function* readParquet(source: ByteSource, context: ContainerContext): AsyncGenerator<FramedBatch> {
  const file = await TemporaryFile.fill(context.temporaryDirectory, source);
  try {
    yield* readInThread({ fd: file.fd, sizeBytes: file.sizeBytes, frame: context.frame }, context);
  } finally {
    await file.close();
  }
}

async function* readInThread(task: ParquetTask, { log }: ContainerContext): AsyncGenerator<FramedBatch> {
  const worker = new Worker(entryPoint('lib/ingest/parquet/parquet.worker'), {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: THREAD_HEAP_MB },
  });
  const messages = new Messages(worker);
  try {
    for (;;) {
      const message = await messages.next();
      if (message.type === 'container') log.container.push(message.step);
      if (message.type === 'fatal') throw restored(message.finding);
      if (message.type === 'end') return void log.findings.push(...message.findings);
      if (message.type === 'batch') {
        yield message.framed;
        worker.postMessage(MORE);
      }
    }
  } finally {
    await worker.terminate();
  }
}

/** The thread's messages one by one; rejects when it dies. */
class Messages {
  readonly #waiting: FromParquet[] = [];
  #death: FatalFinding | undefined;
  #wake: () => void = () => undefined;

  constructor(worker: Worker) {
    worker.on('message', (message: FromParquet) => {
      this.#waiting.push(message);
      this.#wake();
    });
    worker.on('error', (error) => this.#die(messageOf(error)));
    worker.on('exit', () => this.#die('its thread ended early'));
  }

  async next(): Promise<FromParquet> {
    for (;;) {
      const message = this.#waiting.shift();
      if (message !== undefined) return message;
      if (this.#death !== undefined) throw this.#death;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #die(reason: string): void {
    this.#death ??= threadDied(reason);
    this.#wake();
  }
}

function restored({ code, message, hint }: { code: string; message: string; hint: string | null }): FatalFinding {
  return new FatalFinding(code, message, { hint: hint ?? undefined });
}

function threadDied(reason: string): FatalFinding {
  return new FatalFinding('E_PARQUET_TOO_COMPLEX', `The Parquet file could not be decoded: ${reason}.`, {
    hint: 'Write it with smaller row groups (row_group_size=10000) or as JSONL.',
  });
}
