import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { JsonObject } from '@/lib/db/schema.ts';
import { LongshoreError } from '@/lib/errors.ts';
import type { TrainingJob } from './training-job.ts';

/** 32 bytes, derived from a master key for this purpose alone. */
export interface EnvironmentKey {
  id: string;
  bytes: Uint8Array;
}

type Owner = Pick<TrainingJob, 'id' | 'userId'>;

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * What a user adds to the environment of a command is often a secret (a token of a model hub), so it lies encrypted in
 * the job's row (AES-256-GCM, random nonce, job and user as associated data) and comes out for the job's worker only.
 */
export class JobEnvironments {
  readonly #keys: readonly [EnvironmentKey, ...EnvironmentKey[]];

  /** The first key seals; all of them open. */
  constructor(keys: readonly [EnvironmentKey, ...EnvironmentKey[]]) {
    this.#keys = keys;
  }

  /** The configuration as it is kept: names without values, and the values sealed. */
  seal(owner: Owner, config: JsonObject): JsonObject {
    const { env, sealed_env: _, ...rest } = config;
    if (env === null || typeof env !== 'object') return rest;
    const [key] = this.#keys;
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', key.bytes, nonce).setAAD(associated(owner));
    const box = Buffer.concat([nonce, cipher.update(JSON.stringify(env)), cipher.final(), cipher.getAuthTag()]);
    const names = Object.fromEntries(Object.keys(env).map((name) => [name, '[set]']));
    return { ...rest, env: names, sealed_env: { key_id: key.id, box: box.toString('base64') } };
  }

  /** The configuration as it was given. @throws unknown_encryption_key, secret_damaged */
  open(job: Owner & Pick<TrainingJob, 'config'>): JsonObject {
    const { sealed_env: sealed, ...rest } = job.config;
    if (sealed === undefined) return rest;
    const { key_id: keyId, box } = sealed as { key_id: string; box: string };
    const key = this.#keys.find(({ id }) => id === keyId);
    if (key === undefined) throw unknownKey(keyId);
    return { ...rest, env: JSON.parse(unsealed(key, associated(job), Buffer.from(box, 'base64'))) };
  }
}

function unsealed(key: EnvironmentKey, aad: Buffer, box: Buffer): string {
  const tagAt = box.length - TAG_BYTES;
  try {
    const decipher = createDecipheriv('aes-256-gcm', key.bytes, box.subarray(0, NONCE_BYTES))
      .setAAD(aad)
      .setAuthTag(box.subarray(tagAt));
    return Buffer.concat([decipher.update(box.subarray(NONCE_BYTES, tagAt)), decipher.final()]).toString('utf8');
  } catch (cause) {
    throw new LongshoreError('secret_damaged', 'The stored environment of this job does not open.', {
      hint: 'Make a new job.',
      cause,
    });
  }
}

function associated({ id, userId }: Owner): Buffer {
  return Buffer.from(JSON.stringify(['longshore job environment', 1, userId, id]));
}

function unknownKey(keyId: string): LongshoreError {
  return new LongshoreError('unknown_encryption_key', `The job was made under master key ${keyId}.`, {
    hint: 'Add the old key to ENCRYPTION_KEYS_PREVIOUS and restart, or make the job again.',
  });
}
