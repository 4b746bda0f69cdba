import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { FileReader } from '@/lib/streams/file-reader.ts';

/** Bytes that can be read again from any offset, so that a retry or a resume never replays a consumed stream. */
export interface ReplayableBody {
  readonly sizeBytes: number;
  /** Hex SHA-256 of all bytes, when known beforehand. */
  readonly sha256?: string;
  /** A fresh reader of bytes [start, end). Each call is independent. The caller destroys what it does not finish. */
  open(range?: PieceRange): Readable;
  /**
   * Where the body can give bytes [start, end) in memory, with their hash: they are sent as they are, not streamed and not
   * hashed again. The hash MUST be of these bytes. `onProgress` is called while they come.
   */
  hold?(range: PieceRange, options?: { signal?: AbortSignal; onProgress?: () => void }): Promise<HeldPiece>;
}

/** Half open: [start, end). */
export interface PieceRange {
  start: number;
  end: number;
}

export interface HeldPiece {
  bytes: Uint8Array;
  /** Hex. */
  sha256: string;
  /** Called once, when nobody needs the bytes any more. */
  release(): void;
}

/** What is known of a body beforehand. */
export interface BodyFacts {
  /** Hex SHA-256 of all bytes. */
  sha256?: string;
}

/**
 * A body whose bytes lie in a file, the spool. Its size is the file's size now: a file that shrinks later makes readers
 * fail with FileTruncatedError; one that grows is read to the size it had.
 */
export async function fileBody(path: string, facts: BodyFacts = {}): Promise<ReplayableBody> {
  const { size } = await stat(path);
  return {
    sizeBytes: size,
    ...facts,
    open: (range) => new FileReader(path, range ?? { start: 0, end: size }),
  };
}

/** A body in memory: for manifests, sentinels and tests. */
export function bufferBody(bytes: Uint8Array | string, facts: BodyFacts = {}): ReplayableBody {
  const buffer =
    typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    sizeBytes: buffer.length,
    ...facts,
    open: ({ start, end } = { start: 0, end: buffer.length }) => readableOf(buffer.subarray(start, end)),
  };
}

/** A body in memory that its maker has hashed already. */
export function hashedBody(bytes: Uint8Array, sha256: string): ReplayableBody {
  return {
    ...bufferBody(bytes, { sha256 }),
    hold: async ({ start, end }) => {
      const whole = start === 0 && end === bytes.byteLength;
      const piece = whole ? bytes : bytes.subarray(start, end);
      const hash = whole ? sha256 : createHash('sha256').update(piece).digest('hex');
      return { bytes: piece, sha256: hash, release: () => undefined };
    },
  };
}

/** A body over a Blob or File; the bytes stay where the Blob keeps them. */
export function blobBody(blob: Blob): ReplayableBody {
  return {
    sizeBytes: blob.size,
    open: ({ start, end } = { start: 0, end: blob.size }) => Readable.from(webChunks(blob.slice(start, end))),
  };
}

/** A byte stream of one buffer, handed out in pieces so that limits, counters and aborts see progress. */
export function readableOf(bytes: Uint8Array, pieceBytes = 256 * 1024): Readable {
  let offset = 0;
  return new Readable({
    read() {
      const piece = bytes.subarray(offset, offset + pieceBytes);
      offset += piece.length;
      this.push(piece.length === 0 ? null : piece);
    },
  });
}

async function* webChunks(blob: Blob): AsyncGenerator<Uint8Array> {
  const reader = blob.stream().getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    await reader.cancel();
  }
}
