import { StorageError, type StorageErrorContext } from '@/lib/storage/storage-error.ts';
import type { GetOptions, ObjectReader, ReadObject, ReadOptions } from '@/lib/storage/storage-service.ts';

type Get = (key: string, options: GetOptions) => Promise<ObjectReader>;

/** `read` of a store that has nothing better than `get`. */
export async function readByGet(
  get: Get,
  key: string,
  options: ReadOptions,
  context: StorageErrorContext,
): Promise<ReadObject> {
  const { maxBytes, onProgress, into, ...wanted } = options;
  const { stat, body } = await get(key, wanted);
  const place = into !== undefined && into.length >= maxBytes ? into : undefined;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    if (size + chunk.length > maxBytes) throw tooLarge(maxBytes, context);
    if (place === undefined) chunks.push(chunk);
    else chunk.copy(place, size);
    size += chunk.length;
    onProgress?.(size);
  }
  if (place !== undefined) return { stat, bytes: place.subarray(0, size) };
  const [only] = chunks;
  return { stat, bytes: chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, size) };
}

export function tooLarge(maxBytes: number, context: StorageErrorContext): StorageError {
  return new StorageError('too_large', { ...context, detail: `more than the ${maxBytes} bytes asked for` });
}
