/** JSON Web Tokens, HS256 only: what the storage server signs and accepts. */
import { createHmac, timingSafeEqual } from 'node:crypto';

export type Claims = Record<string, unknown>;

export function signJwt(claims: Claims, secret: string): string {
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${signed}.${mac(signed, secret).toString('base64url')}`;
}

/** Its message is what the server shows. */
export class JwtError extends Error {}

/** `now` in milliseconds. */
export function verifyJwt(token: string, secret: string, now: number): Claims {
  const [header = '', payload = '', signature = '', ...rest] = token.split('.');
  if (signature === '' || rest.length > 0) throw new JwtError('Invalid Compact JWS');
  if (decode(header).alg !== 'HS256') throw new JwtError('"alg" (Algorithm) Header Parameter value not allowed');
  const [actual, expected] = [Buffer.from(signature, 'base64url'), mac(`${header}.${payload}`, secret)];
  if (actual.length !== expected.length || !timingSafeEqual(actual, expected)) {
    throw new JwtError('signature verification failed');
  }
  const claims = decode(payload);
  if (typeof claims.exp === 'number' && claims.exp * 1000 <= now) {
    throw new JwtError('"exp" claim timestamp check failed');
  }
  return claims;
}

function mac(text: string, secret: string): Buffer {
  return createHmac('sha256', secret).update(text).digest();
}

function encode(value: Claims): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decode(part: string): Claims {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString()) as Claims;
  } catch {
    throw new JwtError('Invalid Compact JWS');
  }
}
