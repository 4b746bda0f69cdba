import type { Reply } from '@/sandbox/exchange.ts';
import { JwtError, signJwt, verifyJwt } from './jwt.ts';
import { objectReply } from './object-routes.ts';
import { jsonReply, refusals } from './storage-api-error.ts';
import type { SupabaseCall } from './supabase-call.ts';

const MAX_PATHS = 1000;

/** Looks the object up: what is missing cannot be signed. The URL is relative, without /storage/v1. */
export async function signObject(call: SupabaseCall): Promise<Reply> {
  const expiresIn = expiresInOf(await call.json());
  const row = call.object();
  return jsonReply({ signedURL: signedPath(call, `${row.bucketId}/${row.name}`, expiresIn) });
}

export async function signObjects(call: SupabaseCall): Promise<Reply> {
  const body = await call.json();
  const expiresIn = expiresInOf(body);
  const paths = Array.isArray(body.paths) ? body.paths.map(String) : [];
  if (paths.length === 0) throw refusals.invalidRequest('body/paths must NOT have fewer than 1 items');
  if (paths.length > MAX_PATHS) throw refusals.invalidRequest(`body/paths must NOT have more than ${MAX_PATHS} items`);
  const { bypassesPolicies } = call.caller;
  return jsonReply(
    paths.map((path) => {
      const row = bypassesPolicies ? call.store.object(call.bucketId, path) : undefined;
      if (row === undefined) return { error: UNKNOWN_PATH, path, signedURL: null };
      return { error: null, path, signedURL: signedPath(call, `${row.bucketId}/${row.name}`, expiresIn) };
    }),
  );
}

const UNKNOWN_PATH = 'Either the object does not exist or you do not have access to it';

function expiresInOf(body: Record<string, unknown>): number {
  const seconds = Number(body.expiresIn);
  if (!Number.isInteger(seconds) || seconds < 1) throw refusals.invalidRequest('body/expiresIn must be >= 1');
  return seconds;
}

function signedPath(call: SupabaseCall, url: string, expiresIn: number): string {
  const iat = Math.floor(call.environment.now() / 1000);
  const token = signJwt({ url, scope: 'download', iat, exp: iat + expiresIn }, call.environment.jwtSecret);
  return `/object/sign/${url}?token=${token}`;
}

/** The token alone decides. */
export async function downloadSigned(call: SupabaseCall): Promise<Reply> {
  const claims = verified(call);
  if (claims.url !== call.rest) throw refusals.invalidSignature();
  const row = call.store.object(call.bucketId, call.key);
  if (row === undefined) throw refusals.noKey();
  return objectReply(call, row);
}

function verified(call: SupabaseCall): Record<string, unknown> {
  const token = call.exchange.query.get('token');
  if (token === null) throw refusals.invalidRequest("querystring must have required property 'token'");
  try {
    return verifyJwt(token, call.environment.jwtSecret, call.environment.now());
  } catch (error) {
    if (error instanceof JwtError) throw refusals.invalidJwt(error.message);
    throw error;
  }
}
