import { randomBytes } from 'node:crypto';
import { open, statfs, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { sql } from 'drizzle-orm';
import type { DatabaseHandle } from '@/lib/db/database.ts';
import { messageOf } from '@/lib/errors.ts';
import {
  type Check,
  CheckFailure,
  type Leftovers,
  type Outcome,
  ok,
  skipped,
} from '@/lib/secrets/doctor/check-runner.ts';
import { CLOCK_REMEDY } from '@/lib/secrets/doctor/diagnosis.ts';
import type { HttpSend } from '@/lib/secrets/http-port.ts';
import type { MasterKeyRotation } from '@/lib/secrets/master-key-rotation.ts';
import { addressRefusal } from '@/lib/storage/address-rules.ts';
import { datasetObjectKey } from '@/lib/storage/object-key.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';

export interface InstallationParts {
  database: DatabaseHandle;
  rotation: MasterKeyRotation;
  baseStore: StorageService;
  dataDir: string;
  /** Free disk below which uploads are refused. */
  diskReserveBytes: number;
  publicUrl: URL | undefined;
  /** To the operator's own address, private or not. */
  sendToSelf: HttpSend;
}

export interface InstallationContext extends InstallationParts {
  leftovers: Leftovers;
  nowMs: () => number;
}

/** What this installation itself needs, before any bucket. */
export const INSTALLATION_CHECKS: readonly Check<InstallationContext>[] = [
  { id: 'database', title: 'Database', required: true, needs: [], run: checkDatabase },
  { id: 'clock', title: 'Clock', required: false, needs: ['database'], run: checkClock },
  { id: 'encryption', title: 'Encryption keys', required: true, needs: ['database'], run: checkEncryption },
  { id: 'disk', title: 'Disk', required: true, needs: [], run: checkDisk },
  { id: 'base_store', title: 'Base store', required: true, needs: [], run: checkBaseStore },
  { id: 'public_url', title: 'Public address', required: false, needs: [], run: checkPublicUrl },
];

async function checkDatabase({ database, nowMs }: InstallationContext): Promise<Outcome> {
  const startedMs = nowMs();
  try {
    await database.ping();
  } catch (error) {
    throw new CheckFailure({
      code: 'unavailable',
      message: `The database does not answer: ${messageOf(error)}`,
      remedy: 'Check DATABASE_URL and whether the server runs.',
    });
  }
  return ok(`The ${database.kind} database answers in ${Math.max(1, Math.round(nowMs() - startedMs))} ms.`);
}

const UNNOTICED_SKEW_MS = 30_000;

/** Leases and expiries are written by one clock and read by another. */
async function checkClock({ database, nowMs }: InstallationContext): Promise<Outcome> {
  const askedMs = nowMs();
  const { rows } = await database.db.execute<{ ms: number }>(
    sql`select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms`,
  );
  const offsetMs = Number(rows[0]?.ms) - (askedMs + nowMs()) / 2;
  if (Math.abs(offsetMs) < UNNOTICED_SKEW_MS) return ok('This machine and the database agree on the time.');
  const seconds = Math.round(Math.abs(offsetMs) / 1000);
  const message = `This machine’s clock is ${seconds} seconds ${offsetMs > 0 ? 'behind' : 'ahead of'} the database’s.`;
  throw new CheckFailure({ code: 'clock_skew', message, remedy: CLOCK_REMEDY });
}

async function checkEncryption({ rotation }: InstallationContext): Promise<Outcome> {
  const uses = await rotation.keysInUse();
  const unknown = uses.filter(({ status }) => status === 'unknown');
  if (unknown.length > 0) {
    const count = unknown.reduce((sum, use) => sum + use.secrets, 0);
    throw new CheckFailure({
      code: 'unknown_encryption_key',
      message: `${count} stored secrets need master key ${unknown.map((use) => use.key_id).join(', ')}, which is not known here.`,
      remedy: 'Add that key to ENCRYPTION_KEYS_PREVIOUS and restart, or have those secrets stored again.',
    });
  }
  const waiting = uses.find(({ status }) => status === 'previous');
  if (waiting !== undefined)
    return ok(`${waiting.secrets} secrets are still under a previous key. Keep it until they are moved.`);
  return ok('All secrets are under the current key. Previous keys can be taken away.');
}

async function checkDisk({ dataDir, diskReserveBytes }: InstallationContext): Promise<Outcome> {
  await tryWriting(dataDir);
  const { bavail, bsize } = await statfs(dataDir);
  const freeBytes = bavail * bsize;
  if (freeBytes >= 2 * diskReserveBytes) return ok(`${gib(freeBytes)} GiB are free.`);
  throw new CheckFailure({
    code: 'disk_full',
    message: `Only ${gib(freeBytes)} GiB are free under ${dataDir}; below ${gib(diskReserveBytes)} GiB uploads are refused.`,
    remedy: 'Free some disk, move DATA_DIR, or lower DISK_RESERVE_BYTES.',
    required: freeBytes < diskReserveBytes,
  });
}

const gib = (bytes: number): string => (bytes / 2 ** 30).toFixed(1);

async function tryWriting(folder: string): Promise<void> {
  const path = join(folder, `.longshore-doctor-${randomBytes(6).toString('hex')}`);
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile('longshore doctor\n');
      await file.sync();
    } finally {
      await file.close();
      await unlink(path);
    }
  } catch (error) {
    throw new CheckFailure({
      code: 'not_writable',
      message: `${folder} cannot be written to: ${messageOf(error)}`,
      remedy: 'Run Longshore as the owner of DATA_DIR, and check that the disk is not mounted read-only.',
    });
  }
}

/** A tiny object written, read back and deleted, as with every dataset. */
async function checkBaseStore(context: InstallationContext, signal: AbortSignal): Promise<Outcome> {
  const { baseStore, leftovers } = context;
  const key = datasetObjectKey(baseStore.provider, 'longshore-doctor', randomBytes(8).toString('hex'));
  const content = Buffer.from(`longshore doctor ${randomBytes(16).toString('hex')}\n`);
  const name = `${baseStore.provider} ${key}`;
  leftovers.add(name, (after) => baseStore.delete(key, { allVersions: true, signal: after }));
  try {
    await baseStore.put(key, { sizeBytes: content.length, open: (range) => reader(content, range) }, { signal });
    const { body } = await baseStore.get(key, { signal });
    if (!(await buffer(body)).equals(content))
      throw new StorageError('corrupt', { provider: baseStore.provider, operation: 'get', key });
    await baseStore.delete(key, { allVersions: true, signal });
  } catch (error) {
    throw StorageError.is(error) ? baseStoreFailure(error, baseStore) : error;
  }
  leftovers.gone(name);
  return ok(`${describe(baseStore)} keeps and gives back what it is given.`);
}

function reader(content: Buffer, range = { start: 0, end: content.length }): Readable {
  return Readable.from([content.subarray(range.start, range.end)]);
}

function describe({ provider, bucket }: StorageService): string {
  return provider === 'supabase' ? `Supabase Storage, bucket ${bucket},` : `The folder ${bucket}`;
}

function baseStoreFailure(error: StorageError, store: StorageService): CheckFailure {
  const supabase = 'Check SUPABASE_URL, SUPABASE_SERVICE_ROLE_KEY and SUPABASE_STORAGE_BUCKET.';
  const filesystem = 'Check that DATA_DIR is writable and has room.';
  return new CheckFailure({
    code: error.code,
    message: `The base store (${store.provider}) failed at ${error.operation}: ${error.code}.`,
    remedy: store.provider === 'supabase' ? supabase : filesystem,
  });
}

/** Pods call this address for their datasets: it must be reachable from where they run, which we can only judge. */
async function checkPublicUrl({ publicUrl, sendToSelf }: InstallationContext, signal: AbortSignal): Promise<Outcome> {
  if (publicUrl === undefined)
    return skipped('PUBLIC_URL is not set. Jobs on other machines (RunPod, Lambda, SageMaker) need it.');
  const host = publicUrl.hostname.replace(/^\[|\]$/g, '');
  const local = host === 'localhost' || (/^[\d.]+$|:/.test(host) && addressRefusal(host) !== undefined);
  if (local) throw unreachable(`${publicUrl.origin} can only be reached from this network.`);
  const reply = await sendToSelf({ method: 'GET', url: new URL('/healthz', publicUrl), signal }).catch((error) => {
    throw unreachable(
      `${publicUrl.origin} does not answer (${StorageError.is(error) ? error.code : 'no connection'}).`,
    );
  });
  if (reply.status !== 200) throw unreachable(`${publicUrl.origin}/healthz answers HTTP ${reply.status}.`);
  if (publicUrl.protocol === 'https:') return ok(`${publicUrl.origin} answers.`);
  throw new CheckFailure({
    code: 'insecure_public_url',
    message: `${publicUrl.origin} is plain HTTP: keys and datasets travel readable by anybody on the way.`,
    remedy: 'Put a proxy with a certificate in front, and set PUBLIC_URL to its https:// address.',
  });
}

function unreachable(message: string): CheckFailure {
  const remedy = 'Set PUBLIC_URL to the address under which other machines reach this one. Local jobs work without.';
  return new CheckFailure({ code: 'public_url_unreachable', message, remedy });
}
