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
  const { maxBytes, onProgress, ...wanted } = options;
  const { stat, body } = await get(key, wanted);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge(maxBytes, context);
    chunks.push(chunk);
    onProgress?.(size);
  }
  const [only] = chunks;
  return { stat, bytes: chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, size) };
}

export function tooLarge(maxBytes: number, context: StorageErrorContext): StorageError {
  return new StorageError('too_large', { ...context, detail: `more than the ${maxBytes} bytes asked for` });
}
