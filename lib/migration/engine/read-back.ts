import { createHash } from 'node:crypto';
import type { ByteBudget } from '@/lib/migration/engine/byte-budget.ts';
import type { PieceMemory } from '@/lib/migration/engine/piece-memory.ts';
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

/** What reading back may hold in memory. */
export interface ReadBackMemory {
  budget: ByteBudget;
  pieces: PieceMemory;
}

/**
 * Reads an object to its end and hashes it, piece by piece: the next one comes while one is hashed. Undefined when the
 * object is not there.
 */
export async function digestAt(
  { service, memory }: { service: StorageService; memory: ReadBackMemory },
  key: string,
  options: ReadBackOptions,
): Promise<(Digest & { stat: ObjectStat }) | undefined> {
  try {
    const whole = options.sizeBytes > PIECE_BYTES ? undefined : await digestWhole(service, memory.budget, key, options);
    return whole ?? (await digestPieces(service, memory.pieces, key, options));
  } catch (error) {
    if (StorageError.is(error, 'not_found')) return undefined;
    throw error;
  }
}

/** Undefined when the object is larger than one piece, whatever it should be. */
async function digestWhole(service: StorageService, budget: ByteBudget, key: string, options: ReadBackOptions) {
  const { versionId, signal, sizeBytes } = options;
  const release = await budget.acquire(sizeBytes, signal);
  try {
    const { stat, bytes } = await service.read(key, { versionId, signal, maxBytes: PIECE_BYTES });
    return { sha256: createHash('sha256').update(bytes).digest('hex'), sizeBytes: bytes.length, stat };
  } catch (error) {
    if (StorageError.is(error, 'too_large')) return undefined;
    throw error;
  } finally {
    release();
  }
}

async function digestPieces(service: StorageService, memory: PieceMemory, key: string, options: ReadBackOptions) {
  const room = await memory.acquire(2, PIECE_BYTES, options.signal);
  try {
    const found = await digestInTurns(service, room.buffers, key, options);
    room.release();
    return found;
  } catch (error) {
    room.drop();
    throw error;
  }
}

/** One piece is hashed while the next one comes into the other buffer. */
async function digestInTurns(
  service: StorageService,
  buffers: readonly Buffer[],
  key: string,
  { versionId, signal }: ReadBackOptions,
) {
  const wanted = { versionId, signal, maxBytes: PIECE_BYTES };
  const meter = new DigestMeter();
  const piece = (start: number) => {
    const into = buffers[(start / PIECE_BYTES) % buffers.length];
    return service.read(key, { ...wanted, into, range: { start, end: start + PIECE_BYTES } });
  };
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
