import { readSync } from 'node:fs';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '@/lib/errors.ts';
import { FatalFinding } from '@/lib/ingest/fatal-finding.ts';
import type { FromParquet, ParquetTask } from './messages.ts';
import { ParquetRows } from './parquet-rows.ts';

/** Entry of the thread that reads one Parquet file: its memory is bounded apart from the server's, and it may fail alone. */
const MAX_AHEAD = 2;

/** Sends batches as fast as they are taken. */
class Sender {
  readonly #port: MessagePort;
  #unanswered = 0;
  #wake: () => void = () => undefined;

  constructor(port: MessagePort) {
    this.#port = port;
    port.on('message', () => {
      this.#unanswered--;
      this.#wake();
    });
  }

  send(message: FromParquet, transfer: ArrayBuffer[] = []): void {
    this.#port.postMessage(message, transfer);
  }

  async sendBatch(message: FromParquet & { type: 'batch' }): Promise<void> {
    const bytes = message.framed.batch?.bytes.buffer;
    this.send(message, bytes instanceof ArrayBuffer ? [bytes] : []);
    this.#unanswered++;
    while (this.#unanswered >= MAX_AHEAD) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  close(): void {
    this.#port.close();
  }
}

async function run(sender: Sender, task: ParquetTask): Promise<void> {
  const slice = (start: number, end = task.sizeBytes) => readRange(task.fd, start, end);
  const rows = await ParquetRows.open({ byteLength: task.sizeBytes, slice });
  sender.send({ type: 'container', step: rows.step });
  for await (const framed of rows.batches(task.frame)) await sender.sendBatch({ type: 'batch', framed });
  sender.send({ type: 'end', findings: rows.findings() });
}

function readRange(fd: number, start: number, end: number): ArrayBuffer {
  const bytes = new Uint8Array(new ArrayBuffer(end - start));
  for (let read = 0; read < bytes.byteLength; ) {
    const more = readSync(fd, bytes, read, bytes.byteLength - read, start + read);
    if (more === 0) throw new Error('the file ends before the range does');
    read += more;
  }
  return bytes.buffer;
}

if (parentPort === null) throw new Error('parquet.worker runs as a worker thread only');
const sender = new Sender(parentPort);
try {
  await run(sender, workerData as ParquetTask);
} catch (error) {
  const fatal = error instanceof FatalFinding ? error : new FatalFinding('E_PARQUET_CORRUPT', messageOf(error));
  sender.send({ type: 'fatal', finding: fatal.finding });
}
sender.close();
