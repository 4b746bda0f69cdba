import type { ByteBudget } from '@/lib/migration/engine/byte-budget.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type { ObjectStat, StorageService } from '@/lib/storage/storage-service.ts';
import { type Digest, DigestMeter } from '@/lib/streams/digest.ts';

export interface ReadBackOptions {
  /** What the object should have. What a store gives beyond it counts too. */
  sizeBytes: number;
  versionId: string | undefined;
  signal: AbortSignal;
}

const PIECE_BYTES = 8 * 1024 * 1024;

/**
 * Reads an object to its end and hashes it, piece by piece: the next one comes while one is hashed. Undefined when the
 * object is not there.
 */
export async function digestAt(
  { service, budget }: { service: StorageService; budget: ByteBudget },
  key: string,
  options: ReadBackOptions,
): Promise<(Digest & { stat: ObjectStat }) | undefined> {
  try {
    const small = options.sizeBytes <= PIECE_BYTES;
    const release = await budget.acquire(small ? options.sizeBytes : 2 * PIECE_BYTES, options.signal);
    try {
      return small ? await digestWhole(service, key, options) : await digestPieces(service, key, options);
    } finally {
      release();
    }
  } catch (error) {
    if (StorageError.is(error, 'not_found')) return undefined;
    throw error;
  }
}

async function digestWhole(service: StorageService, key: string, { versionId, signal }: ReadBackOptions) {
  const { stat, bytes } = await service.read(key, { versionId, signal, maxBytes: 2 * PIECE_BYTES });
  const meter = new DigestMeter();
  meter.update(bytes);
  return { ...meter.result(), stat };
}

async function digestPieces(service: StorageService, key: string, { versionId, signal }: ReadBackOptions) {
  const wanted = { versionId, signal };
  const meter = new DigestMeter();
  const piece = (start: number) =>
    service.read(key, { ...wanted, range: { start, end: start + PIECE_BYTES }, maxBytes: PIECE_BYTES });
  let current = await piece(0);
  const { stat } = current;
  for (let at = PIECE_BYTES; at < stat.sizeBytes; at += PIECE_BYTES) {
    const next = settled(piece(at));
    meter.update(current.bytes);
    current = await next();
    if (current.stat.etag !== stat.etag || current.stat.versionId !== stat.versionId) throw replaced(service, key);
  }
  meter.update(current.bytes);
  return { ...meter.result(), stat };
}

/** A promise whose failure waits for the one who asks. */
function settled<T>(work: Promise<T>): () => Promise<T> {
  work.catch(() => undefined);
  return () => work;
}

function replaced({ provider }: StorageService, key: string): StorageError {
  const detail = 'the object was replaced while it was read';
  return new StorageError('unavailable', { provider, operation: 'get', key, detail });
}
