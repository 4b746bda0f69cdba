import type { Exchange } from '@/sandbox/exchange.ts';
import { JwtError, verifyJwt } from './jwt.ts';
import { refusals } from './storage-api-error.ts';

/** Row level security in one word: the service role passes it, everybody else has no policy that lets them. */
export interface Caller {
  role: string;
  /** `sub` of the token. */
  owner: string;
  bypassesPolicies: boolean;
}

/** Throws `AccessDenied` for a token that cannot be trusted, in the words of the JWT library. */
export function callerOf(exchange: Exchange, jwtSecret: string, now: number): Caller {
  const { authorization } = exchange.headers;
  if (authorization === undefined) throw refusals.invalidRequest("headers must have required property 'authorization'");
  const token = authorization.replace(/^Bearer\s+/i, '');
  try {
    const claims = verifyJwt(token, jwtSecret, now);
    const role = typeof claims.role === 'string' ? claims.role : 'anon';
    const owner = typeof claims.sub === 'string' ? claims.sub : '';
    return { role, owner, bypassesPolicies: role === 'service_role' };
  } catch (error) {
    if (error instanceof JwtError) throw refusals.accessDenied(error.message);
    throw error;
  }
}
