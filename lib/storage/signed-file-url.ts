import { createHmac, timingSafeEqual } from 'node:crypto';
import { LongshoreError } from '@/lib/errors.ts';
import { safeFileName } from '@/lib/storage/content-disposition.ts';
import type { PresignOptions, SignedUrl } from '@/lib/storage/storage-service.ts';

/** One HMAC secret with a name. URLs name the key they were signed with, so that keys can be rotated. */
export interface SigningKey {
  /** Short and URL-safe; shown in URLs. */
  id: string;
  /** At least 32 random bytes. */
  secret: Buffer;
}

export interface FileUrlSignerOptions {
  /** Where the app is reached from outside, without a slash at the end: `https://data.example.org`. */
  publicUrl: string;
  /** The first signs; all verify. Dropping a key revokes every URL that it signed. */
  keys: readonly [SigningKey, ...SigningKey[]];
  now?: () => Date;
}

export interface SignedFile {
  key: string;
  filename: string | undefined;
  expiresAt: Date;
}

export const FILES_PATH = '/files/';
const MIN_SECRET_BYTES = 32;

/** Signs and checks the URLs under /files/ that open one object of the filesystem store, for a time. */
export class FileUrlSigner {
  private readonly publicUrl: string;
  private readonly keys: readonly [SigningKey, ...SigningKey[]];
  private readonly now: () => Date;

  constructor(options: FileUrlSignerOptions) {
    const weak = options.keys.some(
      (key) => key.secret.length < MIN_SECRET_BYTES || !/^[A-Za-z0-9_-]{1,32}$/.test(key.id),
    );
    if (weak) throw new LongshoreError('invalid_signing_key', 'A URL signing key is too short or has an unusable id.');
    this.publicUrl = options.publicUrl.replace(/\/+$/, '');
    this.keys = options.keys;
    this.now = options.now ?? (() => new Date());
  }

  /** Expiry is in whole seconds, rounded down; the answer says the true one. */
  sign(key: string, options: PresignOptions): SignedUrl {
    const expires = Math.floor(this.now().getTime() / 1000) + Math.floor(options.expiresInSeconds);
    const filename = options.filename === undefined ? '' : safeFileName(options.filename);
    const [signer] = this.keys;
    const query = new URLSearchParams({ expires: String(expires), key: signer.id });
    if (filename !== '') query.set('filename', filename);
    query.set('signature', signature(signer, key, expires, filename));
    const path = key.split('/').map(encodeURIComponent).join('/');
    return { url: `${this.publicUrl}${FILES_PATH}${path}?${query}`, expiresAt: new Date(expires * 1000) };
  }

  /**
   * What a URL opens. Throws `signed_url_invalid` when anything in it was changed or its key is gone, and
   * `signed_url_expired` only when it was genuine.
   */
  verify(url: string): SignedFile {
    const parts = readUrl(url);
    const signer = this.keys.find((candidate) => candidate.id === parts?.keyId);
    if (parts === undefined || signer === undefined) throw invalidUrl();
    const expected = Buffer.from(signature(signer, parts.key, parts.expires, parts.filename));
    const given = Buffer.from(parts.signature);
    if (expected.length !== given.length || !timingSafeEqual(expected, given)) throw invalidUrl();
    if (parts.expires * 1000 <= this.now().getTime()) throw expiredUrl();
    return { key: parts.key, filename: parts.filename || undefined, expiresAt: new Date(parts.expires * 1000) };
  }
}

/** Every signed field on its own line; none can contain a line break. */
function signature(signer: SigningKey, key: string, expires: number, filename: string): string {
  const text = ['longshore-file-v1', signer.id, key, String(expires), filename].join('\n');
  return createHmac('sha256', signer.secret).update(text).digest('base64url');
}

interface UrlParts {
  key: string;
  keyId: string;
  expires: number;
  filename: string;
  signature: string;
}

function readUrl(url: string): UrlParts | undefined {
  const parsed = new URL(url, 'http://localhost');
  const key = decodePath(parsed.pathname);
  const expires = parsed.searchParams.get('expires') ?? '';
  if (key === undefined || !/^\d{1,12}$/.test(expires)) return undefined;
  return {
    key,
    keyId: parsed.searchParams.get('key') ?? '',
    expires: Number(expires),
    filename: parsed.searchParams.get('filename') ?? '',
    signature: parsed.searchParams.get('signature') ?? '',
  };
}

function decodePath(pathname: string): string | undefined {
  if (!pathname.startsWith(FILES_PATH)) return undefined;
  try {
    return decodeURIComponent(pathname.slice(FILES_PATH.length));
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

function invalidUrl(): LongshoreError {
  return new LongshoreError('signed_url_invalid', 'This download URL is not valid.', {
    hint: 'Ask for a new one: GET /api/training/dataset/{id}/download-url.',
  });
}

function expiredUrl(): LongshoreError {
  return new LongshoreError('signed_url_expired', 'This download URL has expired.', {
    hint: 'Ask for a new one: GET /api/training/dataset/{id}/download-url.',
  });
}
