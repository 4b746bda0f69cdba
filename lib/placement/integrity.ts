import { createHmac, timingSafeEqual } from 'node:crypto';

/** What an object's metadata proves: whose dataset it is, in which installation, with which content. */
export interface ObjectIdentity {
  installationId: string;
  datasetId: string;
  userId: string;
  objectSha256: string;
}

/** What an HMAC is for: one made for one purpose never passes for another. */
type Purpose = 'object' | 'manifest' | 'tombstone';

/** Signs what we leave in stores and on disk, so that nobody can plant a dataset for another user. */
export class IntegrityKeys {
  readonly #keys: readonly Uint8Array[];

  /** The first key signs; all of them verify, so that keys can be rotated. */
  constructor(keys: readonly [Uint8Array, ...Uint8Array[]]) {
    this.#keys = keys;
  }

  sign(purpose: Purpose, text: string): string {
    return hmac(this.#keys[0] ?? new Uint8Array(), purpose, text);
  }

  verify(purpose: Purpose, text: string, signature: string): boolean {
    return this.#keys.some((key) => equal(hmac(key, purpose, text), signature));
  }
}

function hmac(key: Uint8Array, purpose: Purpose, text: string): string {
  return createHmac('sha256', key).update(`longshore:${purpose}:1\n`).update(text).digest('hex');
}

function equal(expected: string, given: string): boolean {
  const a = Buffer.from(expected);
  const b = Buffer.from(given);
  return a.length === b.length && timingSafeEqual(a, b);
}

const NAMES = {
  installationId: 'longshore-installation',
  datasetId: 'longshore-dataset',
  userId: 'longshore-user',
  objectSha256: 'longshore-sha256',
} as const;
const HMAC_NAME = 'longshore-hmac';

/** Metadata that every dataset object carries, in every store. */
export function objectMetadata(identity: ObjectIdentity, keys: IntegrityKeys): Record<string, string> {
  const fields = Object.entries(NAMES).map(([field, name]) => [name, identity[field as keyof ObjectIdentity]]);
  return { ...Object.fromEntries(fields), [HMAC_NAME]: keys.sign('object', canonical(identity)) };
}

/** The identity an object claims, if we signed it. Undefined for every other object. */
export function identityOf(
  metadata: Readonly<Record<string, string>>,
  keys: IntegrityKeys,
): ObjectIdentity | undefined {
  const read = (field: keyof ObjectIdentity) => metadata[NAMES[field]] ?? '';
  const identity: ObjectIdentity = {
    installationId: read('installationId'),
    datasetId: read('datasetId'),
    userId: read('userId'),
    objectSha256: read('objectSha256'),
  };
  return keys.verify('object', canonical(identity), metadata[HMAC_NAME] ?? '') ? identity : undefined;
}

export function sameIdentity(a: ObjectIdentity, b: ObjectIdentity): boolean {
  return canonical(a) === canonical(b);
}

function canonical(identity: ObjectIdentity): string {
  return JSON.stringify([identity.installationId, identity.datasetId, identity.userId, identity.objectSha256]);
}
