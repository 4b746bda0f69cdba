import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readClientConfig } from '@/lib/config/client-config.ts';
import { type Config, readConfig } from '@/lib/config/config.ts';
import { createDurably, moveDurably } from '@/lib/config/durable-file.ts';
import { KEY_FILE, loadMasterKeys } from '@/lib/config/master-key.ts';
import { type BackupSummary, backupTo } from '@/lib/db/backup/backup.ts';
import { type BackupKey, type SealedKeys, sealKeys } from '@/lib/db/backup/key-box.ts';
import { restoreFrom } from '@/lib/db/backup/restore.ts';
import { type DatabaseHandle, openDatabase } from '@/lib/db/database.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { formatCount } from '@/lib/format.ts';
import { connectTo, dataDirHolder } from '../connect.ts';
import type { CliContext } from '../context.ts';
import { note, printJson, printLine } from '../output/terminal.ts';

export interface BackupFlags {
  passphraseFile?: string;
  keys: boolean;
}

export interface RestoreFlags {
  passphraseFile?: string;
  replace: boolean;
}

export async function backup({ terminal, signal }: CliContext, file: string, flags: BackupFlags): Promise<void> {
  const config = readConfig();
  const passphrase = await passphraseOf(flags.passphraseFile);
  const sealedKeys = flags.keys ? await sealKeys(await backupKeys(config), passphrase) : undefined;
  const summary = await backupHereOrThere(config, file, { sealedKeys, signal });
  if (summary.keys === 'plain')
    note(
      terminal,
      'The key lies open in the file: whoever reads it can open every secret. Seal it with --passphrase-file.',
    );
  if (terminal.json) return printJson(terminal, summary);
  const rows = Object.values(summary.rows).reduce((sum, count) => sum + count, 0);
  printLine(terminal, `${file}  ${formatCount(rows)} rows, sha256 ${summary.sha256}`);
}

/** The rows are read here, or by the server that has the embedded database open. */
async function backupHereOrThere(
  config: Config,
  file: string,
  options: { sealedKeys: SealedKeys | undefined; signal: AbortSignal },
): Promise<BackupSummary> {
  try {
    return await withDatabase(config, (handle) => backupTo(handle, file, options));
  } catch (error) {
    const holder = dataDirHolder(error);
    if (holder === undefined) throw error;
    const { client } = await connectTo(holder, readClientConfig());
    const body = { keys: options.sealedKeys ?? null };
    const summary = await client.json<BackupSummary>('/api/storage/backup', { method: 'POST', json: body });
    await moveDurably(summary.file, file);
    return { ...summary, file };
  }
}

export async function restore({ terminal }: CliContext, file: string, flags: RestoreFlags): Promise<void> {
  const config = readConfig();
  const options = { passphrase: await passphraseOf(flags.passphraseFile), replace: flags.replace };
  const summary = await withDatabase(config, (handle) => restoreFrom(handle, file, options));
  const { keys, ...facts } = summary;
  if (terminal.json) printJson(terminal, facts);
  else printLine(terminal, `${formatCount(summary.rows)} rows of ${summary.created_at} restored`);
  note(terminal, await placeKey(config, keys));
}

async function withDatabase<T>(config: Config, work: (handle: DatabaseHandle) => Promise<T>): Promise<T> {
  const { database, dataDir } = config;
  const handle = await openDatabase(database.kind === 'embedded' ? { dataDir } : { url: database.url });
  try {
    return await work(handle);
  } finally {
    await handle.close();
  }
}

async function backupKeys(config: Config): Promise<BackupKey[]> {
  const { current, previous } = await loadMasterKeys(config);
  return [current, ...previous].map(({ id, bytes }) => ({ id, hex: bytes.toString('hex') }));
}

/** Puts the backup's key where the installation reads it, unless another is there already: that one is never replaced. */
async function placeKey(config: Config, keys: readonly BackupKey[] | undefined): Promise<string> {
  const [key] = keys ?? [];
  if (key === undefined)
    return 'The backup gave no key: stored secrets open only with the ENCRYPTION_KEY they were made under.';
  const path = join(config.dataDir, KEY_FILE);
  const present = config.encryption.key ?? (await readIfThere(path))?.trim();
  if (present === key.hex) return 'The key is the one this installation uses.';
  if (present !== undefined)
    return 'This installation has another key. Add the one of the backup to ENCRYPTION_KEYS_PREVIOUS, or its secrets stay closed.';
  await createDurably(path, `${key.hex}\n`);
  return `The key was written to ${path}.`;
}

async function passphraseOf(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const text = (await readFile(file, 'utf8').catch(() => '')).trimEnd();
  if (text !== '') return text;
  throw new LongshoreError('file_unreadable', `${file} holds no passphrase.`);
}

/** Absent is fine; a key file that is there and cannot be read must not be taken for absent. */
async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}
