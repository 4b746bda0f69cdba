import { parentPort } from 'node:worker_threads';
import { messageOf } from '@/lib/errors.ts';
import * as core from '@/lib/ingest/core/index.ts';
import { BatchWorker } from './pool/batch-work.ts';
import type { FromWorker, ProcessedBatch, TaskMessage, ToWorker } from './pool/messages.ts';

/** Entry of the pool's threads. */
const port = parentPort;
if (port === null) throw new Error('ingest.worker runs as a worker thread only');
const batches = new BatchWorker(core);

function answer(message: TaskMessage): { reply: FromWorker; transfer: ArrayBuffer[] } {
  const { task } = message;
  if (message.type === 'batch') {
    const processed = batches.process(message.upload, message.work);
    return { reply: { type: 'processed', task, processed }, transfer: transferable(processed) };
  }
  const { sample, options } = message.work;
  const outcome = core.decide(sample, options);
  const buffers = sample.flatMap(({ bytes, lines }) => [bytes.buffer, lines?.buffer]);
  return { reply: { type: 'decided', task, outcome, sample }, transfer: distinct(buffers) };
}

function transferable({ result, deflated, buffer }: ProcessedBatch): ArrayBuffer[] {
  return distinct([
    buffer,
    result.content.buffer,
    deflated?.buffer,
    result.hashes.buffer,
    result.recordNumbers?.buffer,
  ]);
}

function distinct(buffers: readonly (ArrayBufferLike | undefined)[]): ArrayBuffer[] {
  return [...new Set(buffers)].filter((buffer) => buffer instanceof ArrayBuffer);
}

port.on('message', (message: ToWorker) => {
  if (message.type === 'forget') {
    batches.forget(message.upload);
    return;
  }
  try {
    const { reply, transfer } = answer(message);
    port.postMessage(reply, transfer);
  } catch (error) {
    port.postMessage({ type: 'failed', task: message.task, message: messageOf(error) } satisfies FromWorker);
  }
});
