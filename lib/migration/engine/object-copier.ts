import { createHash } from 'node:crypto';
import { ByteBudget } from '@/lib/migration/engine/byte-budget.ts';
import type { CopyRemains } from '@/lib/migration/engine/copy-remains.ts';
import type { ItemJournal } from '@/lib/migration/engine/item-journal.ts';
import type { ItemOutcome } from '@/lib/migration/engine/item-outcome.ts';
import type { KnownDataset, Track } from '@/lib/migration/engine/item-runner.ts';
import { PieceMemory } from '@/lib/migration/engine/piece-memory.ts';
import { rangedBody } from '@/lib/migration/engine/ranged-body.ts';
import { digestAt } from '@/lib/migration/engine/read-back.ts';
import type { MigrationItem, ObjectPlace } from '@/lib/migration/types.ts';
import { type IntegrityKeys, identityOf, objectMetadata } from '@/lib/placement/integrity.ts';
import type { Replica } from '@/lib/placement/replica.ts';
import type { Sentinels } from '@/lib/placement/sentinel.ts';
import type { StoreRegistry } from '@/lib/placement/store-registry.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type {
  ObjectStat,
  PutOptions,
  StorageService,
  StoredObject,
  UploadState,
} from '@/lib/storage/storage-service.ts';
import { type Digest, DigestMeter } from '@/lib/streams/digest.ts';
import { hashedBody } from '@/lib/streams/replayable-body.ts';

/** Objects up to this size move in one piece; larger ones in pieces, each read by a range of its own. */
const ONE_PIECE_BYTES = 8 * 1024 * 1024;
/** Pieces in memory at a time, of all objects together. */
const MEMORY_BYTES = 64 * 1024 * 1024;

export interface CopyTask {
  item: MigrationItem;
  dataset: KnownDataset;
  source: Replica;
  destination: ObjectPlace;
  /** No earlier attempt can have sent anything there. */
  fresh: boolean;
}

/** Both ends of one copy. */
interface Route extends CopyTask {
  from: StorageService;
  to: StorageService;
}

/** With the hash that every read must give. */
interface Ends extends Route {
  expected: string;
}

interface Stored {
  sizeBytes: number;
  versionId: string | undefined;
}

interface Moved {
  expected: string;
  stored: Stored;
}

type Mismatch = Extract<ItemOutcome, { kind: 'mismatch' }>;

/**
 * Copies one object from store to store and proves it. The hash is known before anything is sent: from the rows, or from
 * the first read of the source. What arrives is read back and must give the same.
 */
export class ObjectCopier {
  readonly #registry: StoreRegistry;
  readonly #sentinels: Sentinels;
  readonly #journal: ItemJournal;
  readonly #remains: CopyRemains;
  readonly #keys: IntegrityKeys;
  readonly #installationId: string;
  readonly #budget = new ByteBudget(MEMORY_BYTES);
  readonly #pieces = new PieceMemory(this.#budget, ONE_PIECE_BYTES);

  constructor(parts: {
    registry: StoreRegistry;
    sentinels: Sentinels;
    journal: ItemJournal;
    remains: CopyRemains;
    keys: IntegrityKeys;
    installationId: string;
  }) {
    this.#registry = parts.registry;
    this.#sentinels = parts.sentinels;
    this.#journal = parts.journal;
    this.#remains = parts.remains;
    this.#keys = parts.keys;
    this.#installationId = parts.installationId;
  }

  async copy(task: CopyTask, track: Track): Promise<ItemOutcome> {
    const { item, source, destination } = task;
    const from = await this.#registry.resolve(source);
    const to = await this.#registry.resolve({ ...destination, userId: item.userId });
    await this.#sentinels.ensure(to, item.userId);
    const route = { ...task, from, to };
    const moved = (await this.#arrivedBefore(route)) ?? (await this.#move(route, track));
    if ('kind' in moved) return this.#withoutCopy(route, moved);
    track.arrived = true;
    track.bytesCopied = moved.stored.sizeBytes;
    return this.#readBack({ ...route, expected: moved.expected }, moved.stored, track);
  }

  async #move(route: Route, track: Track): Promise<Moved | Mismatch> {
    const known = sizeOf(route);
    if (route.item.uploadState === null && known <= ONE_PIECE_BYTES) {
      const release = await this.#budget.acquire(known > 0 ? known : ONE_PIECE_BYTES, track.signal);
      try {
        const bytes = await readSmall(route, track);
        if (bytes !== undefined) return await this.#inOnePiece(route, bytes, track);
      } finally {
        release();
      }
    }
    const ends = { ...route, expected: await this.#expectedHash(route, track) };
    return { expected: ends.expected, stored: await this.#inPieces(ends, track) };
  }

  /** The hash of the first read counts for ever: a later read that differs is told, whichever process made it. */
  async #expectedHash(route: Route, track: Track): Promise<string> {
    const known = knownHash(route);
    if (known !== null) return known;
    const { sha256 } = await hashSource(route, track);
    return this.#knowHash(route, sha256);
  }

  async #knowHash({ item }: Route, sha256: string): Promise<string> {
    await this.#journal.knowHash(item, sha256);
    item.expectedSha256 = sha256;
    return sha256;
  }

  /** An earlier attempt may have ended between the store's answer and our journal. */
  async #arrivedBefore(route: Route): Promise<Moved | undefined> {
    const expected = knownHash(route);
    if (route.fresh || expected === null) return undefined;
    const { to, destination } = route;
    try {
      const found = await to.stat(destination.key);
      if (!this.#isOurs(found, { ...route, expected })) return undefined;
      return { expected, stored: { sizeBytes: found.sizeBytes, versionId: found.versionId } };
    } catch (error) {
      if (StorageError.is(error, 'not_found')) return undefined;
      throw error;
    }
  }

  /** Whether the object says, signed by us, that it is this dataset in these bytes. */
  #isOurs({ metadata }: ObjectStat, { item, expected }: Ends): boolean {
    const identity = identityOf(metadata, this.#keys);
    return identity?.datasetId === item.datasetId && identity.objectSha256 === expected;
  }

  /** The first read and the copy are one where nobody has read the object before. */
  async #inOnePiece(route: Route, bytes: Buffer, track: Track): Promise<Moved | Mismatch> {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const expected = knownHash(route) ?? (await this.#knowHash(route, sha256));
    if (sha256 !== expected) return { ...sourceDiffers(sha256), expectedSha256: expected };
    const ends = { ...route, expected };
    const body = hashedBody(bytes, sha256);
    const { to, destination } = route;
    const put = (options: PutOptions) => to.put(destination.key, body, { ...options, soleWriter: true });
    return { expected, stored: await this.#put(ends, put, track) };
  }

  async #inPieces(ends: Ends, track: Track): Promise<Stored> {
    const { from, to, source, destination, expected, item } = ends;
    const versionId = source.versionId ?? undefined;
    const { sizeBytes } = await from.stat(source.objectKey, { versionId, signal: track.signal });
    const { signal } = track;
    const onRead = (bytes: number) => track.onRead(bytes);
    const object = { service: from, key: source.objectKey, versionId, sizeBytes, sha256: expected, signal, onRead };
    const journal = {
      load: async () => (item.uploadState as UploadState | null) ?? undefined,
      save: (state: UploadState) => this.#journal.saveUpload(item, state, track.bytesCopied),
      clear: () => this.#journal.arrived(item),
    };
    const body = rangedBody(object, this.#pieces);
    const put = (options: PutOptions) => to.put(destination.key, body, { ...options, journal, soleWriter: true });
    return this.#put(ends, put, track);
  }

  async #put(
    { item, expected }: Ends,
    put: (options: PutOptions) => Promise<StoredObject>,
    track: Track,
  ): Promise<Stored> {
    const { userId, datasetId } = item;
    const identity = { installationId: this.#installationId, datasetId, userId, objectSha256: expected };
    return put({
      contentType: 'application/gzip',
      metadata: objectMetadata(identity, this.#keys),
      signal: track.signal,
      onProgress: (sentBytes) => {
        track.bytesCopied = sentBytes;
      },
    });
  }

  async #readBack(ends: Ends, stored: Stored, track: Track): Promise<ItemOutcome> {
    const { to, destination, expected } = ends;
    const memory = { budget: this.#budget, pieces: this.#pieces };
    const found = await digestAt({ service: to, memory }, destination.key, {
      ...{ sizeBytes: stored.sizeBytes, versionId: stored.versionId, signal: track.signal },
    });
    if (found === undefined) return this.#withoutCopy(ends, { ...DESTINATION_MISSING, expectedSha256: expected });
    const { sha256, sizeBytes } = found;
    if (sha256 === expected && sizeBytes === stored.sizeBytes && this.#isOurs(found.stat, ends)) {
      return { kind: 'copied', sha256, sizeBytes, versionId: stored.versionId ?? null };
    }
    return this.#withoutCopy(ends, { ...(await this.#whichDiffers(ends, found, track)), expectedSha256: expected });
  }

  /** In pieces nobody has seen the whole source: it is read once more, to tell which side is wrong. */
  async #whichDiffers(ends: Ends, found: Digest, track: Track): Promise<Mismatch> {
    const { sha256 } = await hashSource(ends, track);
    if (sha256 !== ends.expected) return { ...sourceDiffers(sha256), destinationSha256: found.sha256 };
    return {
      kind: 'mismatch',
      fault: {
        errorCode: 'destination_differs',
        errorMessage: 'What the bucket gives back is not what was sent to it.',
        errorHint: 'Look at what stands between Longshore and the bucket; the copy was removed.',
      },
      sourceSha256: sha256,
      destinationSha256: found.sha256,
    };
  }

  /** A copy that does not prove itself does not stay. */
  async #withoutCopy({ item, destination }: Route, outcome: Mismatch): Promise<ItemOutcome> {
    await this.#remains.removeAt(item, destination);
    return outcome;
  }
}

function knownHash({ item, dataset, source }: CopyTask): string | null {
  return item.expectedSha256 ?? dataset.objectSha256 ?? source.objectSha256;
}

/** 0 where nobody has looked. */
function sizeOf({ source, dataset }: CopyTask): number {
  return source.sizeBytes ?? dataset.sizeBytes ?? 0;
}

/** The whole object; undefined when it is larger than its row says. */
async function readSmall({ from, source }: Route, track: Track): Promise<Buffer | undefined> {
  const { objectKey, versionId } = source;
  const options = { versionId: versionId ?? undefined, maxBytes: ONE_PIECE_BYTES, signal: track.signal };
  try {
    const { bytes } = await from.read(objectKey, options);
    await track.onRead(bytes.length);
    return bytes;
  } catch (error) {
    if (StorageError.is(error, 'too_large')) return undefined;
    throw error;
  }
}

async function hashSource({ from, source }: Route, track: Track): Promise<Digest> {
  const versionId = source.versionId ?? undefined;
  const { body } = await from.get(source.objectKey, { versionId, signal: track.signal });
  const meter = new DigestMeter();
  for await (const chunk of body as AsyncIterable<Buffer>) {
    await track.onRead(chunk.length);
    meter.update(chunk);
  }
  return meter.result();
}

const DESTINATION_MISSING: Mismatch = {
  kind: 'mismatch',
  fault: {
    errorCode: 'destination_missing',
    errorMessage: 'The bucket acknowledged the object, and does not have it.',
    errorHint: 'Look for rules of the bucket that remove or hide new objects.',
  },
  sourceSha256: null,
  destinationSha256: null,
};

function sourceDiffers(sha256: string): Mismatch {
  return {
    kind: 'mismatch',
    fault: {
      errorCode: 'source_differs',
      errorMessage: 'The bytes read from the source differ from their first hash.',
      errorHint: 'Read its copies back: `longshore verify`. Upload the dataset again if no copy is whole.',
    },
    sourceSha256: sha256,
    destinationSha256: null,
  };
}
