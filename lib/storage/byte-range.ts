import { StorageError, type StorageErrorContext } from '@/lib/storage/storage-error.ts';
import type { ByteRange } from '@/lib/storage/storage-service.ts';

/** The part of an object of `sizeBytes` that a range asks for. `invalid_request` when it starts at or past the end. */
export function resolveRange(
  sizeBytes: number,
  range: ByteRange | undefined,
  context: StorageErrorContext,
): { start: number; end: number } {
  if (range === undefined) return { start: 0, end: sizeBytes };
  const end = Math.min(range.end ?? sizeBytes, sizeBytes);
  if (range.start < sizeBytes && range.start < end) return { start: range.start, end };
  throw new StorageError('invalid_request', { ...context, detail: 'the range starts at or past the end' });
}

/** The value of a Range header, whose end is inclusive. */
export function rangeHeader(range: ByteRange | undefined): string | undefined {
  if (range === undefined) return undefined;
  return `bytes=${range.start}-${range.end === undefined ? '' : range.end - 1}`;
}
