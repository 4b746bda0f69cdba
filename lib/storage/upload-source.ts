import { addAbortSignal, type Readable } from 'node:stream';
import { messageOf } from '@/lib/errors.ts';
import { StorageError, type StorageErrorContext } from '@/lib/storage/storage-error.ts';
import type { ReplayableBody } from '@/lib/storage/storage-service.ts';
import { linkAbort } from '@/lib/streams/abort.ts';
import { digestStream } from '@/lib/streams/digest.ts';
import type { PieceRange } from '@/lib/streams/replayable-body.ts';

/**
 * Hex SHA-256 of a piece of a body, read once before it is sent, so that the store can check what arrives. A body that
 * is not what it announced is `corrupt` and nothing is sent.
 */
export async function pieceSha256(
  body: ReplayableBody,
  range: PieceRange,
  context: StorageErrorContext,
  signal?: AbortSignal,
): Promise<string> {
  const whole = range.start === 0 && range.end === body.sizeBytes;
  // A whole body is read as it comes: one that is longer than announced shows only so.
  const source = whole ? body.open() : body.open(range);
  const digest = await readBody(source, context, signal, () => digestStream(source));
  const expected = whole ? body.sha256 : undefined;
  if (digest.sizeBytes === range.end - range.start && (expected ?? digest.sha256) === digest.sha256)
    return digest.sha256;
  throw localFault(context, 'the bytes differ from what was announced');
}

/** Sends a piece through `send`. Fails with the source's own fault when it breaks, and lets go of it in any case. */
export async function sendPiece<T>(
  source: Readable,
  context: StorageErrorContext,
  signal: AbortSignal | undefined,
  send: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const linked = linkAbort(signal);
  source.once('error', (error) => linked.abort(error));
  try {
    return await send(linked.signal);
  } catch (error) {
    if (signal?.aborted || !source.errored) throw error;
    throw localFault(context, messageOf(source.errored), source.errored);
  } finally {
    linked.release();
    source.destroy();
  }
}

async function readBody<T>(
  source: Readable,
  context: StorageErrorContext,
  signal: AbortSignal | undefined,
  read: () => Promise<T>,
): Promise<T> {
  try {
    if (signal !== undefined) addAbortSignal(signal, source);
    return await read();
  } catch (error) {
    if (signal?.aborted) throw new StorageError('aborted', { ...context, cause: error });
    throw localFault(context, messageOf(error), error);
  }
}

/** Something is wrong with our own copy: asking the store again cannot help. */
function localFault(context: StorageErrorContext, what: string, cause?: unknown): StorageError {
  return new StorageError('corrupt', { ...context, detail: `the local copy: ${what}`, retry: 'never', cause });
}
