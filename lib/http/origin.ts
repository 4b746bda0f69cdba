import { LongshoreError } from '@/lib/errors.ts';

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * A browser sends its cookie along with requests that other pages start, other ports of the same host included. A
 * request that changes something and is signed in by cookie must therefore show that our own page sent it.
 * @param publicOrigin the installation's origin where it is configured; else the request's own Host is trusted
 * @throws foreign_origin
 */
export function requireOwnOrigin(request: Request, publicOrigin: string | undefined): void {
  if (SAFE_METHODS.has(request.method)) return;
  const own = new Set([new URL(request.url).origin, ...(publicOrigin === undefined ? [] : [publicOrigin])]);
  const origin = request.headers.get('origin');
  // Browsers send `null` for forms of pages that hide their referrer; what they say about the site still holds then.
  const named = origin !== null && origin !== 'null';
  if (named ? own.has(origin) : request.headers.get('sec-fetch-site') === 'same-origin') return;
  throw new LongshoreError('foreign_origin', 'This change was not sent by the page of this installation.', {
    hint: 'Open Longshore at its own address, or use an API key in the Authorization header. Behind a proxy set PUBLIC_URL.',
  });
}
