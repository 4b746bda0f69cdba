import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { LongshoreError } from '@/lib/errors.ts';

/** A master key as it is carried by a backup. */
export interface BackupKey {
  id: string;
  /** 64 hexadecimal digits. */
  hex: string;
}

export type SealedKeys =
  | { kind: 'plain'; keys: BackupKey[] }
  /** AES-256-GCM under scrypt(passphrase, salt): base64 of nonce (12) | ciphertext | tag (16). */
  | { kind: 'passphrase'; salt: string; cost: ScryptCost; box: string };

interface ScryptCost {
  N: number;
  r: number;
  p: number;
}

/** 128 MiB and about half a second a guess: the passphrase is a person's, and the file may lie anywhere. */
const COST: ScryptCost = { N: 2 ** 17, r: 8, p: 1 };
/** What a manifest may ask for at the most. */
const MAX_COST_N = 2 ** 20;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

const derive = promisify<string, Buffer, number, ScryptCost & { maxmem: number }, Buffer>(scrypt);

/** Without a passphrase the keys lie open in the backup: whoever reads the file can open every secret. */
export async function sealKeys(keys: readonly BackupKey[], passphrase: string | undefined): Promise<SealedKeys> {
  if (passphrase === undefined) return { kind: 'plain', keys: [...keys] };
  const salt = randomBytes(16);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', await keyFrom(passphrase, salt, COST), nonce);
  const box = Buffer.concat([nonce, cipher.update(JSON.stringify(keys), 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return { kind: 'passphrase', salt: salt.toString('base64'), cost: COST, box: box.toString('base64') };
}

/** Throws `backup_passphrase_wrong`; undefined when the keys are sealed and no passphrase is given. */
export async function openKeys(sealed: SealedKeys, passphrase: string | undefined): Promise<BackupKey[] | undefined> {
  if (sealed.kind === 'plain') return sealed.keys;
  if (passphrase === undefined) return undefined;
  if (sealed.cost.N > MAX_COST_N) throw wrongPassphrase();
  const box = Buffer.from(sealed.box, 'base64');
  const key = await keyFrom(passphrase, Buffer.from(sealed.salt, 'base64'), sealed.cost);
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAuthTag(box.subarray(-TAG_BYTES));
    const text = Buffer.concat([decipher.update(box.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
    return JSON.parse(text.toString('utf8')) as BackupKey[];
  } catch {
    throw wrongPassphrase();
  }
}

function keyFrom(passphrase: string, salt: Buffer, cost: ScryptCost): Promise<Buffer> {
  return derive(passphrase.normalize('NFKC'), salt, 32, { ...cost, maxmem: 256 * cost.N * cost.r });
}

function wrongPassphrase(): LongshoreError {
  return new LongshoreError('backup_passphrase_wrong', 'The passphrase does not open the keys of this backup.', {
    hint: 'Nothing was changed. Without the keys the rows can still be restored, but stored secrets cannot be opened.',
  });
}
