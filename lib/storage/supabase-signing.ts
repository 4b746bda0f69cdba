import { z } from 'zod';
import { safeFileName } from '@/lib/storage/content-disposition.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type { PresignOptions, SignedUrl } from '@/lib/storage/storage-service.ts';
import { jsonBody, objectPath, type SupabaseApi } from '@/lib/storage/supabase-api.ts';
import { readJson } from '@/lib/storage/supabase-info.ts';

const SIGNED = z.object({ signedURL: z.string() });
const CLAIMS = z.object({ exp: z.number() });

/** Asks the store for a signed URL. It looks the object up: a missing one is `not_found`. */
export async function signObject(api: SupabaseApi, key: string, options: PresignOptions): Promise<SignedUrl> {
  const context = { provider: 'supabase', operation: 'presign', key } as const;
  const path = `/object/sign/${objectPath(api.config.bucket, key)}`;
  const wanted = jsonBody({ expiresIn: Math.floor(options.expiresInSeconds) });
  const { signedURL } = readJson(await api.request({ method: 'POST', path, ...wanted }, context), SIGNED, context);
  // The key stands unencoded in the answer, so it is no URL to parse.
  const token = /[?&]token=([^&]+)$/.exec(signedURL)?.[1] ?? '';
  const expiresAt = expiryOf(token);
  if (expiresAt === undefined) throw new StorageError('corrupt', { ...context, detail: 'the store signed no token' });
  const query = new URLSearchParams({ token });
  if (options.filename !== undefined) query.set('download', safeFileName(options.filename));
  return { url: `${api.urlOf(path)}?${query}`, expiresAt };
}

/** The token says itself when it ends. It is read, not verified: the store does that. */
function expiryOf(token: string): Date | undefined {
  const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8');
  try {
    return new Date(CLAIMS.parse(JSON.parse(payload)).exp * 1000);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return undefined;
    throw error;
  }
}
