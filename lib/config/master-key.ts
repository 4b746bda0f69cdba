import { createHash, hkdfSync, randomBytes } from 'node:crypto';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Config } from '@/lib/config/config.ts';
import { ConfigError } from '@/lib/config/config-error.ts';
import { createDurably } from '@/lib/config/durable-file.ts';
import { LongshoreError } from '@/lib/errors.ts';

/** What each derived key is for. Adding a purpose never changes the other keys. */
export type KeyPurpose = 'url-signing' | 'manifest' | 'session' | 'job-token' | 'job-environment';

/** The installation's master key and what is derived from it. Never logged, never leaves the process. */
export interface MasterKeys {
  /** Wraps the data keys of secrets. */
  current: MasterKey;
  /** Keys that were replaced: they open, they do not wrap. */
  previous: readonly MasterKey[];
  /** 32 bytes for one purpose (HKDF-SHA-256), of the current key unless a previous one is named. */
  derive(purpose: KeyPurpose, key?: MasterKey): Buffer;
}

export interface MasterKey {
  /** Names the key in stored rows without giving anything of it away. */
  id: string;
  bytes: Buffer;
}

export const KEY_FILE = 'secret.key';

/**
 * The keys of this installation: ENCRYPTION_KEY, else DATA_DIR/secret.key, which is made on the first start with mode
 * 0600. Losing it loses the stored secrets, so a key file that exists and cannot be read is an error, never replaced.
 */
export async function loadMasterKeys(config: Pick<Config, 'dataDir' | 'encryption'>): Promise<MasterKeys> {
  const hex = config.encryption.key ?? (await keyFromFile(join(config.dataDir, KEY_FILE)));
  const current = masterKey(hex);
  return {
    current,
    previous: config.encryption.previousKeys.map(masterKey),
    derive: (purpose, key = current) => Buffer.from(hkdfSync('sha256', key.bytes, 'longshore', purpose, 32)),
  };
}

function masterKey(hex: string): MasterKey {
  const bytes = Buffer.from(hex, 'hex');
  const id = createHash('sha256').update('longshore key id').update(bytes).digest('hex').slice(0, 16);
  return { id, bytes };
}

async function keyFromFile(path: string): Promise<string> {
  const known = await readKeyFile(path);
  if (known !== undefined) return known;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await createDurably(path, `${randomBytes(32).toString('hex')}\n`);
  // Another process may have been first: what is in the file counts.
  const made = await readKeyFile(path);
  if (made === undefined) throw new LongshoreError('key_file_lost', `${path} vanished while it was made.`);
  return made;
}

async function readKeyFile(path: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new LongshoreError('key_file_unreadable', `${path} cannot be read (${error.code}).`, {
      hint: 'Run Longshore as the user who owns the data directory.',
      cause: error,
    });
  });
  if (text === undefined) return undefined;
  const hex = text.trim().toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(hex)) throw damaged(path);
  await refuseReadableByOthers(path);
  return hex;
}

function damaged(path: string): LongshoreError {
  return new ConfigError([
    {
      variable: path,
      problem: 'does not hold 64 hexadecimal digits; stored secrets cannot be opened without the right key',
      example: 'restore it from a backup, or remove it if no secret was ever stored',
    },
  ]);
}

async function refuseReadableByOthers(path: string): Promise<void> {
  const { mode } = await stat(path);
  if (process.platform === 'win32' || (mode & 0o077) === 0) return;
  throw new ConfigError([
    { variable: path, problem: 'can be read by other users of this machine', example: `chmod 600 ${path}` },
  ]);
}
