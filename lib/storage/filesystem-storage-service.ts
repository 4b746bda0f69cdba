import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, type FileHandle, open, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { messageOf } from '@/lib/errors.ts';
import { resolveRange } from '@/lib/storage/byte-range.ts';
import {
  ensureFolder,
  type OpenFile,
  publishFile,
  syncFolder,
  writeDurably,
} from '@/lib/storage/filesystem-durability.ts';
import { absent, errnoOf, filesystemError } from '@/lib/storage/filesystem-errors.ts';
import {
  decodeRecord,
  draftNames,
  encodeRecord,
  type ObjectPlace,
  type ObjectRecord,
  placeOf,
  ROOT_MARKER,
  refuseSymlinks,
  statOf,
} from '@/lib/storage/filesystem-layout.ts';
import { sweepLeftovers, walkKeys } from '@/lib/storage/filesystem-listing.ts';
import { checkKey, checkPrefix } from '@/lib/storage/key-rules.ts';
import { readByGet } from '@/lib/storage/read-whole.ts';
import type { FileUrlSigner } from '@/lib/storage/signed-file-url.ts';
import { StorageError, type StorageErrorContext } from '@/lib/storage/storage-error.ts';
import type {
  GetOptions,
  ListOptions,
  ListPage,
  ObjectReader,
  ObjectStat,
  PresignOptions,
  PutOptions,
  ReadObject,
  ReadOptions,
  ReplayableBody,
  SignedUrl,
  StorageCapabilities,
  StorageService,
  StoredObject,
  UploadState,
} from '@/lib/storage/storage-service.ts';
import { FileReader } from '@/lib/streams/file-reader.ts';

/**
 * Objects in a local directory. Limits: one file is as large as the file system allows; no versions; a put that was
 * interrupted starts over. Survives power cuts as far as the disk keeps its promise of fsync.
 */
export interface FilesystemStorageOptions {
  /** Made when absent. Its parent decides which disk the objects are on. */
  root: string;
  /** What replica rows record as the bucket, so that the folder may move. Default: the resolved root. */
  name?: string;
  signer: FileUrlSigner;
  now?: () => Date;
  openFile?: OpenFile;
}

/** Leftovers younger than this may still be in the making, by this or another process. */
const LEFTOVER_AGE_MS = 60 * 60 * 1000;

type Operation = StorageErrorContext['operation'];

export class FilesystemStorageService implements StorageService {
  readonly provider = 'filesystem';
  readonly bucket: string;
  private readonly root: string;
  readonly endpoint = undefined;
  readonly region = undefined;
  readonly capabilities: StorageCapabilities = {
    conditionalPut: true,
    versioning: false,
    resumablePut: false,
    nativePresign: false,
    maxObjectBytes: undefined,
  };
  private readonly signer: FileUrlSigner;
  private readonly now: () => Date;
  private readonly openFile: OpenFile;

  /** `root` MUST be a real path that `open` has prepared: use FilesystemStorageService.open. */
  private constructor(root: string, options: FilesystemStorageOptions) {
    this.root = root;
    this.bucket = options.name ?? root;
    this.signer = options.signer;
    this.now = options.now ?? (() => new Date());
    this.openFile = options.openFile ?? open;
  }

  /** Prepares the directory, durably, and opens it. */
  static async open(options: FilesystemStorageOptions): Promise<FilesystemStorageService> {
    try {
      await ensureFolder(options.root);
      const root = await realpath(options.root);
      await markRoot(root);
      return new FilesystemStorageService(root, options);
    } catch (error) {
      throw filesystemError(error, { operation: 'probe' });
    }
  }

  async put(key: string, body: ReplayableBody, options: PutOptions = {}): Promise<StoredObject> {
    return this.guard('put', key, async () => {
      const place = await this.placeForWriting(key);
      const previous = await this.recordAt(place);
      if (options.ifAbsent && previous !== 'absent') throw this.error('already_exists', 'put', key);
      const record = await this.writeObject(place, body, options);
      await this.dropData(place, previous);
      return { key, sizeBytes: record.sizeBytes, versionId: undefined };
    });
  }

  async get(key: string, options: GetOptions = {}): Promise<ObjectReader> {
    return this.guard('get', key, async () => {
      this.refuseVersion('get', key, options.versionId);
      const { record, handle } = await this.openObject(key);
      try {
        const range = resolveRange(record.sizeBytes, options.range, { provider: 'filesystem', operation: 'get', key });
        const mapError = (error: Error) => filesystemError(error, { operation: 'get', key });
        const body = new FileReader(handle, range, { signal: options.signal, mapError });
        return { stat: statOf(key, record), body };
      } catch (error) {
        await handle.close();
        throw error;
      }
    });
  }

  read(key: string, options: ReadOptions): Promise<ReadObject> {
    return readByGet((...call) => this.get(...call), key, options, { provider: 'filesystem', operation: 'get', key });
  }

  async stat(key: string, options: { versionId?: string } = {}): Promise<ObjectStat> {
    return this.guard('stat', key, async () => {
      this.refuseVersion('stat', key, options.versionId);
      const { record, handle } = await this.openObject(key);
      await handle.close();
      return statOf(key, record);
    });
  }

  async delete(key: string, options: { versionId?: string } = {}): Promise<void> {
    return this.guard('delete', key, async () => {
      this.refuseVersion('delete', key, options.versionId);
      const place = placeOf(this.root, key);
      const record = await this.recordAt(place);
      if (record === 'absent') return this.proveRoot('delete');
      await rm(place.recordPath, { force: true });
      await syncFolder(place.folder);
      await this.dropData(place, record);
    });
  }

  async list(prefix: string, options: ListOptions = {}): Promise<ListPage> {
    checkPrefix(prefix, { provider: 'filesystem', operation: 'list' });
    return this.guard('list', undefined, async () => {
      const limit = options.limit ?? 1000;
      const objects: ObjectStat[] = [];
      await this.proveRoot('list');
      for await (const key of walkKeys(this.root, prefix, options.cursor)) {
        options.signal?.throwIfAborted();
        if (objects.length === limit) return { objects, nextCursor: objects.at(-1)?.key };
        const record = await this.recordAt(placeOf(this.root, key));
        if (record !== 'absent') objects.push(record === 'damaged' ? damagedStat(key) : statOf(key, record));
      }
      return { objects, nextCursor: undefined };
    });
  }

  async presignGet(key: string, options: PresignOptions): Promise<SignedUrl> {
    return this.guard('presign', key, async () => {
      this.refuseVersion('presign', key, options.versionId);
      return this.signer.sign(key, options);
    });
  }

  /** Nothing to give up: an interrupted put leaves only files that `sweep` removes. */
  async abortUpload(state: UploadState): Promise<void> {
    if (state.provider !== 'filesystem') throw this.error('invalid_request', 'abort', undefined);
  }

  async probe(): Promise<void> {
    await this.guard('probe', undefined, async () => {
      await this.proveRoot('probe');
      await access(this.root, constants.R_OK | constants.W_OK | constants.X_OK);
    });
  }

  /**
   * Removes what killed processes left. Age guards puts of other processes; with `olderThanMs: 0` the caller promises
   * that nobody else writes here.
   */
  async sweep(options: { olderThanMs?: number } = {}): Promise<number> {
    const olderThanMs = options.olderThanMs ?? LEFTOVER_AGE_MS;
    return this.guard('delete', undefined, () => sweepLeftovers(this.root, olderThanMs, this.now().getTime()));
  }

  private async writeObject(place: ObjectPlace, body: ReplayableBody, options: PutOptions): Promise<ObjectRecord> {
    const { data, draftPath } = draftNames(place);
    const dataPath = join(place.folder, data);
    try {
      await this.writeBody(dataPath, place.key, body, options);
      const record = this.recordOf(data, body, options);
      await syncFolder(place.folder);
      await writeDurably(draftPath, Readable.from([Buffer.from(encodeRecord(record))]), { openFile: this.openFile });
      await publishFile(draftPath, place.recordPath, options.ifAbsent === true);
      return record;
    } catch (error) {
      await rm(draftPath, { force: true });
      await rm(dataPath, { force: true });
      throw error;
    }
  }

  private async writeBody(path: string, key: string, body: ReplayableBody, options: PutOptions): Promise<void> {
    const hash = createHash('sha256');
    let sent = 0;
    const size = await writeDurably(path, body.open(), {
      openFile: this.openFile,
      signal: options.signal,
      onChunk: (chunk) => {
        hash.update(chunk);
        sent += chunk.length;
        options.onProgress?.(sent);
      },
    });
    const intact = size === body.sizeBytes && (body.sha256 === undefined || hash.digest('hex') === body.sha256);
    if (!intact) throw this.error('corrupt', 'put', key, 'the bytes read differ from what was announced');
  }

  private recordOf(data: string, body: ReplayableBody, options: PutOptions): ObjectRecord {
    return {
      version: 1,
      data,
      sizeBytes: body.sizeBytes,
      contentType: options.contentType,
      metadata: options.metadata ?? {},
      storedAt: this.now().toISOString(),
    };
  }

  /**
   * Record and data of one and the same put. The data file is opened after the record was read: when it is gone, a put
   * or delete came between, and the record is read again.
   */
  private async openObject(key: string): Promise<{ record: ObjectRecord; handle: FileHandle }> {
    const place = placeOf(this.root, key);
    let missing = '';
    for (;;) {
      const record = await this.recordAt(place);
      if (record === 'damaged') throw this.corrupt(key, 'the record of the object is damaged');
      if (record === 'absent') {
        await this.proveRoot('get');
        throw this.error('not_found', 'get', key);
      }
      if (record.data === missing) throw this.corrupt(key, 'the data file of the object is missing');
      const handle = await openData(join(place.folder, record.data));
      if (handle !== undefined) return { record, handle: await this.checkedData(handle, record, key) };
      missing = record.data;
    }
  }

  private async checkedData(handle: FileHandle, record: ObjectRecord, key: string): Promise<FileHandle> {
    const { size } = await handle.stat();
    if (size === record.sizeBytes) return handle;
    await handle.close();
    throw this.corrupt(key, `the data file has ${size} bytes instead of ${record.sizeBytes}`);
  }

  private async recordAt(place: ObjectPlace): Promise<ObjectRecord | 'absent' | 'damaged'> {
    await refuseSymlinks(this.root, place.folder);
    const flag = constants.O_RDONLY | constants.O_NOFOLLOW;
    const text = await readFile(place.recordPath, { encoding: 'utf8', flag }).catch(absent);
    return text === undefined ? 'absent' : (decodeRecord(text) ?? 'damaged');
  }

  /** The data of a record that is gone or replaced. Behind a damaged record it stays, for a person to look at. */
  private async dropData(place: ObjectPlace, record: ObjectRecord | 'absent' | 'damaged'): Promise<void> {
    if (typeof record === 'object') await rm(join(place.folder, record.data), { force: true });
  }

  private async placeForWriting(key: string): Promise<ObjectPlace> {
    await this.proveRoot('put');
    const place = placeOf(this.root, key);
    await refuseSymlinks(this.root, place.folder);
    await ensureFolder(place.folder);
    return place;
  }

  /** Without its marker the root is not our store (a disk that is not mounted): nothing may be concluded from absence. */
  private async proveRoot(operation: Operation): Promise<void> {
    await access(join(this.root, ROOT_MARKER)).catch((error) => {
      throw this.error(
        'bucket_not_found',
        operation,
        undefined,
        `the store's directory is absent (${messageOf(error)})`,
      );
    });
  }

  private refuseVersion(operation: Operation, key: string, versionId: string | undefined): void {
    if (versionId !== undefined) throw this.error('invalid_request', operation, key, 'this store keeps no versions');
  }

  private async guard<T>(operation: Operation, key: string | undefined, run: () => Promise<T>): Promise<T> {
    if (key !== undefined) checkKey(key, { provider: 'filesystem', operation });
    try {
      return await run();
    } catch (error) {
      throw filesystemError(error, { operation, key });
    }
  }

  private corrupt(key: string, detail: string): StorageError {
    return new StorageError('corrupt', { provider: 'filesystem', operation: 'get', key, detail, retry: 'never' });
  }

  private error(
    code: 'already_exists' | 'bucket_not_found' | 'corrupt' | 'invalid_request' | 'not_found',
    operation: Operation,
    key: string | undefined,
    detail?: string,
  ): StorageError {
    return new StorageError(code, { provider: 'filesystem', operation, key, detail });
  }
}

async function markRoot(root: string): Promise<void> {
  const written = await writeFile(join(root, ROOT_MARKER), '{"version":1}\n', { flag: 'wx', flush: true, mode: 0o600 })
    .then(() => true)
    .catch((error) => {
      if (errnoOf(error) === 'EEXIST') return false;
      throw error;
    });
  if (written) await syncFolder(root);
}

/** Undefined when the file is gone. */
function openData(path: string): Promise<FileHandle | undefined> {
  return open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch(absent);
}

/** An object whose record cannot be read still shows in listings, without facts; `stat` says what is wrong with it. */
function damagedStat(key: string): ObjectStat {
  const unknown = { contentType: undefined, versionId: undefined, etag: undefined, lastModified: undefined };
  return { key, sizeBytes: 0, metadata: {}, ...unknown };
}
