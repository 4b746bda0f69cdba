import type { PutOptions, ReplayableBody } from '@/lib/storage/storage-service.ts';
import { objectPath, type SupabaseApi } from '@/lib/storage/supabase-api.ts';
import { pieceSha256, sendPiece } from '@/lib/storage/upload-source.ts';

/**
 * One POST with the whole body. The length is always sent (without it Supabase ignores its own size limit), and the
 * metadata too (an upsert without it would wipe what is there).
 */
export async function uploadWhole(
  api: SupabaseApi,
  key: string,
  body: ReplayableBody,
  options: PutOptions,
): Promise<void> {
  const context = { provider: 'supabase', operation: 'put', key } as const;
  await pieceSha256(body, { start: 0, end: body.sizeBytes }, context, options.signal);
  const source = body.open();
  await sendPiece(source, context, options.signal, (signal) =>
    api.request(
      {
        method: 'POST',
        path: `/object/${objectPath(api.config.bucket, key)}`,
        headers: {
          'content-type': contentTypeOf(options),
          'cache-control': CACHE_CONTROL,
          'x-upsert': upsertOf(options),
          'x-metadata': Buffer.from(metadataJson(options)).toString('base64'),
        },
        body: { stream: source, sizeBytes: body.sizeBytes },
        signal,
      },
      context,
    ),
  );
  options.onProgress?.(body.sizeBytes);
}

/** Objects never change under their key, but a deleted one must not live on in a cache. */
const CACHE_CONTROL = 'max-age=0';

/** Always one: without it, a resumable upload skips the bucket's own check of types. */
export function contentTypeOf(options: PutOptions): string {
  return options.contentType ?? 'application/octet-stream';
}

export function upsertOf(options: PutOptions): string {
  return options.ifAbsent ? 'false' : 'true';
}

export function metadataJson(options: PutOptions): string {
  return JSON.stringify(options.metadata ?? {});
}
