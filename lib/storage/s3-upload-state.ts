import { z } from 'zod';
import type { ReplayableBody, UploadState } from '@/lib/storage/storage-service.ts';

const MIB = 1024 * 1024;
/** S3 takes parts of 5 MiB to 5 GiB, and 10,000 of them. */
const MIN_PART_BYTES = 5 * MIB;
const MAX_PARTS = 10_000;
/** Larger parts before more of them: the journal is written once a part, and stays small. */
const WANTED_PARTS = 1_000;
export const DEFAULT_PART_BYTES = 8 * MIB;

const PART = z.object({ number: z.number().int().min(1).max(MAX_PARTS), etag: z.string(), sha256: z.string() });

const STATE = z.object({
  provider: z.literal('s3'),
  kind: z.literal('multipart'),
  endpoint: z.string().nullable(),
  bucket: z.string(),
  key: z.string(),
  uploadId: z.string(),
  sizeBytes: z.number().int().positive(),
  sha256: z.string().nullable(),
  partSizeBytes: z.number().int().positive(),
  parts: z.array(PART),
});

export type S3UploadState = z.infer<typeof STATE>;
export type S3Part = z.infer<typeof PART>;

/** The state that a journal holds, when it is one of ours. */
export function readS3State(state: UploadState | undefined): S3UploadState | undefined {
  return STATE.safeParse(state).data;
}

/** Whether a state goes on with these very bytes at this very address. */
export function isSameUpload(
  state: S3UploadState,
  wanted: { endpoint: string | undefined; bucket: string; key: string; body: ReplayableBody },
): boolean {
  const { body } = wanted;
  const sameBytes = state.sizeBytes === body.sizeBytes && state.sha256 === (body.sha256 ?? null);
  const sameBucket = state.bucket === wanted.bucket && state.endpoint === (wanted.endpoint ?? null);
  return sameBytes && sameBucket && state.key === wanted.key;
}

/** One size for all parts but the last, as R2 wants it, in whole MiB. */
export function choosePartSize(sizeBytes: number, wantedBytes = DEFAULT_PART_BYTES): number {
  const least = Math.max(wantedBytes, MIN_PART_BYTES, Math.ceil(sizeBytes / WANTED_PARTS));
  return Math.ceil(least / MIB) * MIB;
}

/** The bytes of part `number`, counted from 1. */
export function partRange(state: S3UploadState, number: number): { start: number; end: number } {
  const start = (number - 1) * state.partSizeBytes;
  return { start, end: Math.min(start + state.partSizeBytes, state.sizeBytes) };
}

export function partCount(state: S3UploadState): number {
  return Math.ceil(state.sizeBytes / state.partSizeBytes);
}
