import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { PieceMemory } from '@/lib/migration/engine/piece-memory.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';
import type { HeldPiece, PieceRange, ReplayableBody } from '@/lib/streams/replayable-body.ts';

export interface RangedSource {
  service: StorageService;
  key: string;
  versionId: string | undefined;
  sizeBytes: number;
  sha256: string;
  signal: AbortSignal;
  /** Waits until so many bytes may count as read. */
  onRead(bytes: number): Promise<void>;
}

/** A piece is told to the pace in slices, so that whoever waits for it sees that it comes. */
const SLICE_BYTES = 256 * 1024;

/**
 * An object in another store as a body to upload in pieces. Each piece is read from the source by one request, hashed
 * once, and sent from memory, of which there is so much, whatever the size of the object. A store that still reads a
 * piece when it was let go receives other bytes than their hash says, and refuses them.
 */
export function rangedBody(source: RangedSource, memory: PieceMemory): ReplayableBody {
  const { sizeBytes, sha256 } = source;
  const hold: NonNullable<ReplayableBody['hold']> = (range, options) => holdPiece(source, memory, range, options);
  const open = (range: PieceRange = { start: 0, end: sizeBytes }) => Readable.from(piecesOf(hold, range));
  return { sizeBytes, sha256, open, hold };
}

async function holdPiece(
  source: RangedSource,
  memory: PieceMemory,
  range: PieceRange,
  options: { onProgress?: () => void } = {},
): Promise<HeldPiece> {
  const { service, key, versionId, signal } = source;
  const maxBytes = range.end - range.start;
  const room = await memory.acquire(1, maxBytes, signal);
  try {
    const { bytes } = await service.read(key, { range, versionId, maxBytes, signal, into: room.buffers[0] });
    if (bytes.length !== maxBytes) throw shorter(source, bytes.length, maxBytes);
    for (let left = bytes.length; left > 0; left -= SLICE_BYTES) {
      await source.onRead(Math.min(left, SLICE_BYTES));
      options.onProgress?.();
    }
    return { bytes, sha256: createHash('sha256').update(bytes).digest('hex'), release: room.release };
  } catch (error) {
    room.drop();
    throw error;
  }
}

/** For stores that take streams only. */
async function* piecesOf(hold: NonNullable<ReplayableBody['hold']>, range: PieceRange): AsyncGenerator<Uint8Array> {
  for (let start = range.start; start < range.end; start += STREAMED_BYTES) {
    const piece = await hold({ start, end: Math.min(range.end, start + STREAMED_BYTES) });
    try {
      yield piece.bytes;
    } finally {
      piece.release();
    }
  }
}

const STREAMED_BYTES = 4 * 1024 * 1024;

function shorter({ service, key }: RangedSource, found: number, wanted: number): StorageError {
  const detail = `${found} bytes came instead of ${wanted}`;
  return new StorageError('corrupt', { provider: service.provider, operation: 'get', key, detail });
}
