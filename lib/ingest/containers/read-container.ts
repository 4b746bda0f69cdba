import { unpack } from '@/lib/ingest/compression/unpack.ts';
import type { ByteSource } from '@/lib/streams/byte-source.ts';
import type { ContainerContext } from './container-context.ts';
import { expectUtf8, refuseCrOnly } from './encoding.ts';
import type { FramedBatch } from './framed-batch.ts';
import { readJson } from './read-json.ts';
import { refuseTraps } from './traps.ts';

const HEAD_BYTES = 64 << 10;

/**
 * Reads the records of a file of any container. The content decides; the file's name counts for CSV and plain text only.
 *
 * @throws FatalFinding when the file cannot be read further. Batches given before are whole and right.
 */
export async function* readContainer(source: ByteSource, context: ContainerContext): AsyncGenerator<FramedBatch> {
  const data = await unpack(source, context);
  try {
    const head = await data.peek(HEAD_BYTES);
    if (head.byteLength === 0) return;
    refuseTraps(head);
    await expectUtf8(data, context.log);
    refuseCrOnly(head);
    yield* readJson(data, context);
  } finally {
    await data.close();
  }
}
