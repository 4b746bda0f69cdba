import type { HttpReply } from '@/lib/storage/http-client.ts';
import type { S3Session } from '@/lib/storage/s3-session.ts';
import type { ObjectRequest } from '@/lib/storage/s3-wire.ts';
import type { PutOptions, ReplayableBody } from '@/lib/storage/storage-service.ts';
import { pieceSha256, sendPiece } from '@/lib/storage/upload-source.ts';
import type { HeldPiece, PieceRange } from '@/lib/streams/replayable-body.ts';

/** Where a piece of a body goes: a whole object, or one part of it. */
export type PieceTarget = Pick<ObjectRequest, 'key' | 'query' | 'headers'>;

export interface SentPiece {
  headers: HttpReply['headers'];
  sha256: string;
}

/**
 * Sends a piece of a body under its hash, which every store that checks signatures compares with what arrives: integrity
 * also where checksum headers are ignored. Bytes in memory go as they are; others are read twice.
 */
export async function sendPieceTo(
  session: S3Session,
  target: PieceTarget,
  { body, range, options }: { body: ReplayableBody; range: PieceRange; options: PutOptions },
): Promise<SentPiece> {
  const context = { provider: 's3', operation: 'put', key: target.key } as const;
  const { signal } = options;
  if (body.hold !== undefined) return sendHeld(session, target, await body.hold(range, { signal }), signal);
  const sha256 = await pieceSha256(body, range, context, signal);
  const whole = range.start === 0 && range.end === body.sizeBytes;
  const source = whole ? body.open() : body.open(range);
  const sized = { stream: source, sizeBytes: range.end - range.start };
  return sendPiece(source, context, signal, (linked) => send(session, target, { body: sized, sha256, signal: linked }));
}

async function sendHeld(
  session: S3Session,
  target: PieceTarget,
  piece: HeldPiece,
  signal: AbortSignal | undefined,
): Promise<SentPiece> {
  try {
    return await send(session, target, { body: piece.bytes, sha256: piece.sha256, signal });
  } finally {
    piece.release();
  }
}

async function send(
  session: S3Session,
  target: PieceTarget,
  piece: { body: ObjectRequest['body']; sha256: string; signal: AbortSignal | undefined },
): Promise<SentPiece> {
  const { body, sha256, signal } = piece;
  const headers = { ...target.headers, ...checksumHeaders(session, sha256) };
  const request = { ...target, method: 'PUT', headers, body, payloadSha256: sha256, signal } as const;
  const reply = await session.wire.send(request, { provider: 's3', operation: 'put', key: target.key });
  return { headers: reply.headers, sha256 };
}

/** Explicit SHA-256 where the store keeps it. */
function checksumHeaders({ profile }: S3Session, sha256: string): Record<string, string> {
  return profile.checksumSha256 ? { 'x-amz-checksum-sha256': Buffer.from(sha256, 'hex').toString('base64') } : {};
}
