import { createHash, randomBytes } from 'node:crypto';

/** ls: an API key. lss: a browser session. lsl: a sign-in link. The prefix keeps one from being used as another. */
export type CredentialKind = 'ls' | 'lss' | 'lsl';

/** 256 random bits, so that a plain SHA-256 is enough to store. */
export function newCredential(kind: CredentialKind): string {
  return `${kind}_${randomBytes(32).toString('base64url')}`;
}

export function isCredential(kind: CredentialKind, text: string): boolean {
  return text.startsWith(`${kind}_`) && /^[A-Za-z0-9_-]{43}$/.test(text.slice(kind.length + 1));
}

/** What is stored of a credential, hex. */
export function credentialSha256(credential: string): string {
  return createHash('sha256').update(credential).digest('hex');
}
