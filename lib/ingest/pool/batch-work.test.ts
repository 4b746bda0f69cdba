import { expect, it } from 'vitest';
import * as core from '@/lib/ingest/core/index.ts';
import { BatchWorker } from './batch-work.ts';

const OPTIONS = { format: 'auto', maxRecordBytes: 1 << 20 } as const;
const DECISION = { kind: 'text', primaryFormat: 'text', style: null, promptOnly: false, firstLine: 1 } as const;

function batch() {
  const bytes = new TextEncoder().encode('{"text":"one"}\n{"text":"two"}\n');
  return { bytes, framing: 'lines', firstLine: 1, firstRecord: 1 } as const;
}

it.each([{ type: 'none' }, { type: 'content' }] as const)(
  'gives every result memory of its own, as what was sent away cannot be sent again (%j)',
  (output) => {
    const worker = new BatchWorker(core);
    const work = () => ({ batch: batch(), decision: DECISION, options: OPTIONS, output });
    const [first, second] = [worker.process(1, work()), worker.process(1, work())];
    expect([first.result.written, second.result.written]).toEqual([2, 2]);
    expect(second.result.content.buffer).not.toBe(first.result.content.buffer);
    expect(second.result.hashes.buffer).not.toBe(first.result.hashes.buffer);
  },
);
