import { readdir, readFile, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { z } from 'zod';
import { newId } from '@/lib/db/ids.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { ProcessLock } from '@/lib/placement/spool/process-lock.ts';
import { ensureFolder, publishFile, syncFolder, writeDurably } from '@/lib/storage/filesystem-durability.ts';
import { errnoOf } from '@/lib/storage/filesystem-errors.ts';

const HOST = z.object({ host_id: z.string(), installation_id: z.string() });
const LOCK = 'lock';

/**
 * The directory that holds datasets between ingest and the stores. Its id is the host id of spool rows: whoever opens the
 * directory owns them. Several processes of one host may share it; each works in a folder of its own and holds a lock
 * there, so that the others know at once when it died.
 */
export class SpoolDirectory {
  readonly hostId: string;
  /** This process, as lease rows name it. */
  readonly owner: string;
  /** Where ingest writes. Files in it belong to this process until a row names them. */
  readonly workFolder: string;
  /** Manifests and tombstones of this host. */
  readonly manifestFolder: string;
  /** Some process of this host ended without closing its folder: the database may lack what it did last. */
  readonly foundDead: boolean;
  readonly #root: string;
  readonly #lock: ProcessLock;

  private constructor(root: string, hostId: string, process: string, held: { lock: ProcessLock; foundDead: boolean }) {
    this.#root = root;
    this.#lock = held.lock;
    this.foundDead = held.foundDead;
    this.hostId = hostId;
    this.owner = `${hostId}/${process}`;
    this.workFolder = join(root, 'work', process);
    this.manifestFolder = join(root, 'manifests');
  }

  /**
   * Opens the directory, made where it is absent.
   * @throws foreign_spool when it belongs to another installation: its files are that one's datasets.
   */
  static async open(root: string, installationId: string): Promise<SpoolDirectory> {
    const process = newId();
    const before = await readdir(join(root, 'work')).catch(ignoring('ENOENT'));
    await ensureFolder(join(root, 'work', process));
    await ensureFolder(join(root, 'manifests'));
    const hostId = await hostOf(root, installationId);
    const lock = await ProcessLock.take(join(root, 'work', process, LOCK));
    if (lock === undefined) throw new Error('the lock of a new folder is taken');
    const dead = await Promise.all((before ?? []).map((name) => isFree(join(root, 'work', name))));
    return new SpoolDirectory(root, hostId, process, { lock, foundDead: dead.includes(true) });
  }

  /** The name by which a row refers to a file that ingest wrote. */
  fileNameOf(path: string): string {
    return path.slice(join(this.#root, 'work').length + 1);
  }

  pathOf(fileName: string): string {
    if (!/^[0-9a-f-]{36}\/[A-Za-z0-9][A-Za-z0-9._-]*$/.test(fileName)) {
      throw new LongshoreError('invalid_spool_file', 'A spool row names a file outside the spool.');
    }
    return join(this.#root, 'work', fileName);
  }

  /** Removes a spool file, durable when it resolves. Absent is fine. */
  async remove(fileName: string): Promise<void> {
    const path = this.pathOf(fileName);
    await rm(path, { force: true });
    await syncFolder(dirname(path)).catch(ignoring('ENOENT'));
  }

  /** True when the process that held this lease is certainly gone. False when it lives or is of another host. */
  async isDead(owner: string): Promise<boolean> {
    const [host, process = ''] = owner.split('/');
    if (host !== this.hostId || owner === this.owner) return false;
    return isFree(join(this.#root, 'work', process));
  }

  /** Removes the files of dead processes that `isWanted` does not claim, and folders that become empty. */
  async sweep(isWanted: (fileName: string) => Promise<boolean>): Promise<number> {
    let removed = 0;
    for (const process of await readdir(join(this.#root, 'work'))) {
      if (await this.isDead(`${this.hostId}/${process}`)) removed += await this.#sweepFolder(process, isWanted);
    }
    return removed;
  }

  /** Lets go of the lock. Leases of this process then count as dead. */
  async close(): Promise<void> {
    const left = (await readdir(this.workFolder)).filter((name) => name !== LOCK);
    if (left.length === 0) await rm(join(this.workFolder, LOCK), { force: true });
    await this.#lock.release();
    if (left.length === 0) await rmdir(this.workFolder);
  }

  /** Lets go of the lock and leaves everything else as it is, as the end of the process would. */
  async abandon(): Promise<void> {
    await this.#lock.release();
  }

  async #sweepFolder(process: string, isWanted: (fileName: string) => Promise<boolean>): Promise<number> {
    const folder = join(this.#root, 'work', process);
    const names = (await readdir(folder)).filter((name) => name !== LOCK);
    if (names.length === 0 && (await isYoung(folder))) return 0;
    let removed = 0;
    let kept = 0;
    for (const name of names) {
      if (await isWanted(`${process}/${name}`)) kept += 1;
      else {
        await rm(join(folder, name), { force: true, recursive: true });
        removed += 1;
      }
    }
    if (kept === 0) await rm(folder, { recursive: true, force: true });
    return removed;
  }
}

/** The installation that a spool directory belongs to; undefined when there is none yet. */
export async function hostInstallation(root: string): Promise<string | undefined> {
  const known = await readFile(join(root, 'host.json'), 'utf8').catch(ignoring('ENOENT'));
  return known === undefined ? undefined : HOST.parse(JSON.parse(known)).installation_id;
}

async function hostOf(root: string, installationId: string): Promise<string> {
  const path = join(root, 'host.json');
  const known = await readFile(path, 'utf8').catch(ignoring('ENOENT'));
  if (known === undefined) return makeHost(path, installationId);
  const host = HOST.parse(JSON.parse(known));
  if (host.installation_id === installationId) return host.host_id;
  throw new LongshoreError('foreign_spool', `The spool directory ${root} belongs to another installation.`, {
    hint: 'Point DATA_DIR at the directory of this installation, or DATABASE_URL at the database of that one. If the database was lost: longshore rebuild.',
  });
}

async function makeHost(path: string, installationId: string): Promise<string> {
  const host = { host_id: newId(), installation_id: installationId };
  const draft = `${path}.${host.host_id}`;
  await writeDurably(draft, Readable.from([Buffer.from(JSON.stringify(host))]));
  try {
    await publishFile(draft, path, true);
    return host.host_id;
  } catch (error) {
    await rm(draft, { force: true });
    if (errnoOf(error) !== 'EEXIST') throw error;
    return hostOf(dirname(path), installationId);
  }
}

/** A process makes its folder, then takes the lock: an empty young folder may be in between. */
async function isYoung(folder: string): Promise<boolean> {
  const made = await stat(folder);
  return Date.now() - made.mtimeMs < 60_000;
}

/** True when no process holds this folder. One that is not there is held by nobody. */
async function isFree(folder: string): Promise<boolean> {
  const lock = await ProcessLock.take(join(folder, LOCK)).catch(ignoring('ENOENT'));
  if (lock === undefined) return !(await exists(folder));
  await lock.release();
  return true;
}

async function exists(path: string): Promise<boolean> {
  return readdir(path).then(
    () => true,
    (error) => ignoring('ENOENT')(error) !== undefined,
  );
}

/** For `catch`: undefined for this one error of the system, thrown again otherwise. */
function ignoring(errno: string): (error: unknown) => undefined {
  return (error) => {
    if (errnoOf(error) !== errno) throw error;
  };
}
