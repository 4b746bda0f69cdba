import { ByteBudget } from '@/lib/migration/engine/byte-budget.ts';
import type { CopyRemains } from '@/lib/migration/engine/copy-remains.ts';
import type { ItemJournal } from '@/lib/migration/engine/item-journal.ts';
import type { ItemOutcome } from '@/lib/migration/engine/item-outcome.ts';
import type { KnownDataset, Track } from '@/lib/migration/engine/item-runner.ts';
import { RangedBody } from '@/lib/migration/engine/ranged-body.ts';
import type { MigrationItem, ObjectPlace } from '@/lib/migration/types.ts';
import { type IntegrityKeys, identityOf, objectMetadata } from '@/lib/placement/integrity.ts';
import type { Replica } from '@/lib/placement/replica.ts';
import type { Sentinels } from '@/lib/placement/sentinel.ts';
import type { StoreRegistry } from '@/lib/placement/store-registry.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type {
  GetOptions,
  ObjectReader,
  ObjectStat,
  StorageService,
  StoredObject,
  UploadState,
} from '@/lib/storage/storage-service.ts';
import { type Digest, DigestMeter, digestStream } from '@/lib/streams/digest.ts';
import { bufferBody } from '@/lib/streams/replayable-body.ts';

/** Objects up to this size move in one piece; larger ones in pieces, each read by a range of its own. */
const ONE_PIECE_BYTES = 8 * 1024 * 1024;
/** Pieces in memory at a time, of all objects together. */
const MEMORY_BYTES = 96 * 1024 * 1024;

export interface CopyTask {
  item: MigrationItem;
  dataset: KnownDataset;
  source: Replica;
  destination: ObjectPlace;
  /** No earlier attempt can have sent anything there. */
  fresh: boolean;
}

/** Both ends of one copy, and the hash that every read must give. */
interface Ends extends CopyTask {
  from: StorageService;
  to: StorageService;
  expected: string;
}

interface Stored {
  sizeBytes: number;
  versionId: string | undefined;
}

/**
 * Copies one object from store to store and proves it. The hash is known before the copy: from the rows, or from a first
 * read of the source. What arrives is read back and must give the same.
 */
export class ObjectCopier {
  readonly #registry: StoreRegistry;
  readonly #sentinels: Sentinels;
  readonly #journal: ItemJournal;
  readonly #remains: CopyRemains;
  readonly #keys: IntegrityKeys;
  readonly #installationId: string;
  readonly #budget = new ByteBudget(MEMORY_BYTES);

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
    const expected = await this.#expectedHash(task, from, track);
    const ends = { ...task, from, to, expected };
    const there = task.fresh ? undefined : await this.#arrivedBefore(ends);
    const stored = there ?? (await this.#transfer(ends, track));
    if ('kind' in stored) return this.#withoutCopy(ends, stored);
    track.arrived = true;
    track.bytesCopied = stored.sizeBytes;
    return this.#readBack(ends, stored, track);
  }

  /** The hash of the first read counts for ever: a later read that differs is told, whichever process made it. */
  async #expectedHash({ item, dataset, source }: CopyTask, from: StorageService, track: Track): Promise<string> {
    const known = item.expectedSha256 ?? dataset.objectSha256 ?? source.objectSha256;
    if (known !== null) return known;
    const { sha256 } = await this.#hashSource({ from, source }, track);
    await this.#journal.intend(item, { expectedSha256: sha256 });
    item.expectedSha256 = sha256;
    return sha256;
  }

  /** An earlier attempt may have ended between the store's answer and our journal. */
  async #arrivedBefore(ends: Ends): Promise<Stored | undefined> {
    const { to, destination } = ends;
    try {
      const found = await to.stat(destination.key);
      if (!this.#isOurs(found, ends)) return undefined;
      return { sizeBytes: found.sizeBytes, versionId: found.versionId };
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

  async #transfer(ends: Ends, track: Track): Promise<Stored | ItemOutcome> {
    const { from, source, item, dataset } = ends;
    const known = source.sizeBytes ?? dataset.sizeBytes ?? 0;
    if (item.uploadState === null && known <= ONE_PIECE_BYTES) {
      const release = await this.#budget.acquire(
        ONE_PIECE_BYTES > known && known > 0 ? known : ONE_PIECE_BYTES,
        track.signal,
      );
      try {
        const reader = await from.get(source.objectKey, {
          versionId: source.versionId ?? undefined,
          signal: track.signal,
        });
        if (reader.stat.sizeBytes <= ONE_PIECE_BYTES) return await this.#inOnePiece(ends, reader, track);
        reader.body.destroy();
      } finally {
        release();
      }
    }
    return this.#inPieces(ends, track);
  }

  async #inOnePiece(ends: Ends, reader: ObjectReader, track: Track): Promise<Stored | ItemOutcome> {
    const chunks: Buffer[] = [];
    const meter = new DigestMeter();
    for await (const chunk of reader.body as AsyncIterable<Buffer>) {
      await track.onRead(chunk.length);
      meter.update(chunk);
      chunks.push(chunk);
    }
    const { sha256, sizeBytes } = meter.result();
    if (sha256 !== ends.expected) return sourceDiffers(sha256);
    const bytes = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, sizeBytes);
    return this.#put(
      ends,
      (options) => ends.to.put(ends.destination.key, bufferBody(bytes, { sha256 }), { ...options, soleWriter: true }),
      track,
    );
  }

  async #inPieces(ends: Ends, track: Track): Promise<Stored> {
    const { from, source, expected, item } = ends;
    const versionId = source.versionId ?? undefined;
    const { sizeBytes } = await from.stat(source.objectKey, { versionId, signal: track.signal });
    const ranged = new RangedBody(
      {
        service: from,
        key: source.objectKey,
        versionId,
        sizeBytes,
        sha256: expected,
        signal: track.signal,
        onRead: (bytes) => track.onRead(bytes),
      },
      this.#budget,
    );
    const journal = {
      load: async () => (item.uploadState as UploadState | null) ?? undefined,
      save: (state: UploadState) => this.#journal.saveUpload(item, state, track.bytesCopied),
      clear: () => this.#journal.arrived(item),
    };
    try {
      return await this.#put(
        ends,
        (options) => ends.to.put(ends.destination.key, ranged.body, { ...options, journal, soleWriter: true }),
        track,
      );
    } finally {
      ranged.dispose();
    }
  }

  async #put(
    { item, expected }: Ends,
    put: (options: Parameters<StorageService['put']>[2]) => Promise<StoredObject>,
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
    const found = await digestAt(to, destination.key, { versionId: stored.versionId, signal: track.signal });
    if (found === undefined) return this.#withoutCopy(ends, DESTINATION_MISSING);
    const { sha256, sizeBytes } = found;
    if (sha256 === expected && sizeBytes === stored.sizeBytes && this.#isOurs(found.stat, ends)) {
      return { kind: 'copied', sha256, sizeBytes, versionId: stored.versionId ?? null };
    }
    return this.#withoutCopy(ends, await this.#whichDiffers(ends, found, track));
  }

  /** In pieces nobody has seen the whole source: it is read once more, to tell which side is wrong. */
  async #whichDiffers(ends: Ends, found: Digest, track: Track): Promise<ItemOutcome> {
    const { sha256 } = await this.#hashSource(ends, track);
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

  async #hashSource({ from, source }: Pick<Ends, 'from' | 'source'>, track: Track): Promise<Digest> {
    const versionId = source.versionId ?? undefined;
    const { body } = await from.get(source.objectKey, { versionId, signal: track.signal });
    const meter = new DigestMeter();
    for await (const chunk of body as AsyncIterable<Buffer>) {
      await track.onRead(chunk.length);
      meter.update(chunk);
    }
    return meter.result();
  }

  /** A copy that does not prove itself does not stay. */
  async #withoutCopy({ item, destination, expected }: Ends, outcome: ItemOutcome): Promise<ItemOutcome> {
    await this.#remains.removeAt(item, destination);
    return outcome.kind === 'mismatch' ? { ...outcome, expectedSha256: expected } : outcome;
  }
}

/** Undefined when the object is not there. */
async function digestAt(
  service: StorageService,
  key: string,
  options: GetOptions,
): Promise<(Digest & { stat: ObjectStat }) | undefined> {
  try {
    const { stat, body } = await service.get(key, options);
    return { ...(await digestStream(body as AsyncIterable<Buffer>)), stat };
  } catch (error) {
    if (StorageError.is(error, 'not_found')) return undefined;
    throw error;
  }
}

const DESTINATION_MISSING: ItemOutcome = {
  kind: 'mismatch',
  fault: {
    errorCode: 'destination_missing',
    errorMessage: 'The bucket acknowledged the object, and does not have it.',
    errorHint: 'Look for rules of the bucket that remove or hide new objects.',
  },
  sourceSha256: null,
  destinationSha256: null,
};

function sourceDiffers(sha256: string): ItemOutcome & { kind: 'mismatch' } {
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
