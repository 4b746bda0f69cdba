import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileBody, type ReplayableBody } from '@/lib/streams/replayable-body.ts';
import { DigestMeter, metered } from './digest.ts';

export interface SpooledStream {
  body: ReplayableBody;
  /** Removes the temporary file. Called once the body is no longer read. */
  dispose(): Promise<void>;
}

/** Makes a stream that can be read once into a body that can be replayed, through a temporary file in `folder`. */
export async function spoolStream(source: Readable, folder: string, signal?: AbortSignal): Promise<SpooledStream> {
  const path = join(folder, `longshore-stream-${randomUUID()}.tmp`);
  const dispose = () => rm(path, { force: true });
  const meter = new DigestMeter();
  const measure = (bytes: AsyncIterable<Uint8Array>) => metered(bytes, meter);
  try {
    await pipeline(source, measure, createWriteStream(path, { flags: 'wx', mode: 0o600 }), { signal });
    return { body: await fileBody(path, { sha256: meter.result().sha256 }), dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}
