import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { MasterKey, MasterKeys } from '@/lib/config/master-key.ts';
import { LongshoreError } from '@/lib/errors.ts';
import type { SecretProvider } from '@/lib/secrets/secrets.types.ts';

/**
 * Envelope encryption: each secret has a data key of its own, and only that key is encrypted with the master key, so
 * that changing the master key rewrites 60 bytes a secret and never touches the secret itself.
 *
 * A box is nonce (12) | ciphertext | tag (16), AES-256-GCM, with a random nonce. A data key encrypts once; a master key
 * wraps random keys, far below the 2^32 messages a random 96-bit nonce allows. User, provider and version are associated
 * data of both boxes: a row copied to another user, or an old version put in the place of a new one, does not open.
 */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;

/** Whose secret a box holds. Part of what is authenticated. */
export interface EnvelopeContext {
  userId: string;
  provider: SecretProvider;
  version: number;
}

export interface Envelope {
  ciphertext: Buffer;
  wrappedKey: Buffer;
  keyId: string;
}

/** The master key in use and those before it, which can still open what they sealed. */
export class Keyring {
  readonly current: MasterKey;
  private readonly byId: ReadonlyMap<string, MasterKey>;

  constructor({ current, previous }: Pick<MasterKeys, 'current' | 'previous'>) {
    this.current = current;
    this.byId = new Map([...previous, current].map((key) => [key.id, key]));
  }

  has(keyId: string): boolean {
    return this.byId.has(keyId);
  }

  /** Throws `unknown_encryption_key` with the remedy. */
  find(keyId: string): MasterKey {
    const key = this.byId.get(keyId);
    if (key !== undefined) return key;
    throw new LongshoreError('unknown_encryption_key', `The secret was encrypted with master key ${keyId}.`, {
      hint:
        `This installation knows only ${[...this.byId.keys()].join(', ')}. ` +
        'Add the old key to ENCRYPTION_KEYS_PREVIOUS and restart, or store the secret again.',
      details: { key_id: keyId },
    });
  }
}

export function sealEnvelope(keyring: Keyring, context: EnvelopeContext, plaintext: string): Envelope {
  const dataKey = randomBytes(KEY_BYTES);
  const { current } = keyring;
  return {
    ciphertext: seal(dataKey, associatedData('content', context), Buffer.from(plaintext, 'utf8')),
    wrappedKey: seal(current.bytes, associatedData(`key ${current.id}`, context), dataKey),
    keyId: current.id,
  };
}

/** Throws `unknown_encryption_key`, or `secret_damaged` when a single bit differs from what was sealed for `context`. */
export function openEnvelope(keyring: Keyring, context: EnvelopeContext, envelope: Envelope): string {
  const dataKey = unwrap(keyring, context, envelope);
  return open(dataKey, associatedData('content', context), envelope.ciphertext).toString('utf8');
}

/** The same secret under the current master key. The content is neither decrypted nor changed. */
export function rewrapEnvelope(keyring: Keyring, context: EnvelopeContext, envelope: Envelope): Envelope {
  const dataKey = unwrap(keyring, context, envelope);
  const { current } = keyring;
  return {
    ciphertext: envelope.ciphertext,
    wrappedKey: seal(current.bytes, associatedData(`key ${current.id}`, context), dataKey),
    keyId: current.id,
  };
}

function unwrap(keyring: Keyring, context: EnvelopeContext, { keyId, wrappedKey }: Envelope): Buffer {
  const master = keyring.find(keyId);
  const dataKey = open(master.bytes, associatedData(`key ${master.id}`, context), wrappedKey);
  if (dataKey.length !== KEY_BYTES) throw damaged();
  return dataKey;
}

/** JSON of an array: unambiguous, whatever the parts contain. */
function associatedData(purpose: string, { userId, provider, version }: EnvelopeContext): Buffer {
  return Buffer.from(JSON.stringify(['longshore secret', 1, purpose, userId, provider, version]), 'utf8');
}

function seal(key: Buffer, associated: Buffer, plaintext: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(associated);
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

function open(key: Buffer, associated: Buffer, box: Buffer): Buffer {
  if (box.length < NONCE_BYTES + TAG_BYTES) throw damaged();
  const tagAt = box.length - TAG_BYTES;
  const options = { authTagLength: TAG_BYTES };
  const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(0, NONCE_BYTES), options)
    .setAAD(associated)
    .setAuthTag(box.subarray(tagAt));
  const content = decipher.update(box.subarray(NONCE_BYTES, tagAt));
  try {
    return Buffer.concat([content, decipher.final()]);
  } catch (cause) {
    throw damaged(cause);
  }
}

function damaged(cause?: unknown): LongshoreError {
  return new LongshoreError('secret_damaged', 'The stored secret does not open: its row was changed or moved.', {
    hint: 'Restore the row from a backup, or store the secret again.',
    cause,
  });
}
