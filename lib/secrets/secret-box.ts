import { type Keyring, openEnvelope, sealEnvelope } from '@/lib/secrets/envelope.ts';
import type { NewVersion, SecretRow } from '@/lib/secrets/secret-repository.ts';
import type { Secret, SecretContent } from '@/lib/secrets/secrets.types.ts';

/** Seals a secret's content into a row, for that row only, and opens it again. */
export class SecretBox {
  private readonly keyring: Keyring;

  constructor(keyring: Keyring) {
    this.keyring = keyring;
  }

  seal(owner: Pick<NewVersion, 'userId' | 'provider' | 'version'>, content: SecretContent): NewVersion['envelope'] {
    const { api_key, metadata } = content;
    return sealEnvelope(this.keyring, owner, JSON.stringify({ api_key, metadata }));
  }

  /** Undefined when the content was erased. Throws `unknown_encryption_key`, `secret_damaged`. */
  open(row: SecretRow): Secret | undefined {
    const { ciphertext, wrappedKey, keyId, id, userId, provider, version, state } = row;
    if (ciphertext === null || wrappedKey === null || keyId === null) return undefined;
    const envelope = { ciphertext: Buffer.from(ciphertext), wrappedKey: Buffer.from(wrappedKey), keyId };
    const content = JSON.parse(openEnvelope(this.keyring, { userId, provider, version }, envelope)) as SecretContent;
    // The provider is authenticated with the content, so the two belong together.
    return { ...content, id, user_id: userId, provider, version, state } as Secret;
  }
}
