import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import type { DatasetAudit } from '@/lib/datasets/dataset-audit.ts';
import type { KnownObjects } from '@/lib/datasets/orphans/known-objects.ts';
import { type Orphan, type OrphanJson, orphanJson } from '@/lib/datasets/orphans/orphan.ts';
import { decodeOrphanCursor, encodeOrphanCursor } from '@/lib/datasets/orphans/orphan-cursor.ts';
import type { OrphanFinder } from '@/lib/datasets/orphans/orphan-finder.ts';
import type { Database, Transaction } from '@/lib/db/database.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { isLiving, lockPlaced } from '@/lib/placement/placed-dataset.ts';
import type { Reconciler } from '@/lib/placement/reconciler.ts';
import type { ReplicaRepository } from '@/lib/placement/replica-repository.ts';
import type { StoreInventory, StorePlace } from '@/lib/placement/store-inventory.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';

export interface OrphanServiceParts {
  db: Database;
  inventory: StoreInventory;
  finder: OrphanFinder;
  known: KnownObjects;
  replicas: ReplicaRepository;
  reconciler: Reconciler;
  audit: Pick<DatasetAudit, 'write'>;
}

export interface OrphanPage {
  orphans: OrphanJson[];
  /** Objects that were looked at for this page. */
  looked_at: number;
  /** Stores that could not be listed: nothing is known of what lies there. */
  unreachable: { store: string; code: string }[];
  next_cursor: string | null;
}

/** One page answers after so many objects at the latest, with however many orphans were among them. */
const LOOK_AT_MOST = 5000;

/** Objects that no row knows: seen, taken back, or removed, always one by one and always on somebody's word. */
export class OrphanService {
  readonly #parts: OrphanServiceParts;

  constructor(parts: OrphanServiceParts) {
    this.#parts = parts;
  }

  /** At least `limit` orphans unless a page's worth of objects was looked at before. @throws invalid_cursor */
  async list(options: { cursor?: string; limit: number; signal?: AbortSignal }): Promise<OrphanPage> {
    const { cursor, limit, signal } = options;
    const from = cursor === undefined ? undefined : decodeOrphanCursor(cursor);
    const places = await this.#parts.inventory.places();
    const page: OrphanPage = { orphans: [], looked_at: 0, unreachable: [], next_cursor: null };
    const begin = from === undefined ? 0 : places.findIndex((place) => place.id === from.store);
    // A store that was taken away since the cursor was given out: what lay behind it in the list is looked at by the next search.
    if (begin === -1) return page;
    for (const [offset, place] of places.slice(begin).entries()) {
      const rest = await this.#fill(page, place, offset === 0 ? from?.at : undefined, limit, signal);
      if (rest === undefined) continue;
      page.next_cursor = encodeOrphanCursor({ store: place.id, at: rest });
      return page;
    }
    return page;
  }

  /**
   * Makes an adoptable object a copy of its dataset again: signature, place and every byte are proved first.
   * @throws not_an_orphan, orphan_refused
   */
  async adopt(store: string, objectKey: string, actor: string): Promise<OrphanJson> {
    const { db, reconciler, replicas } = this.#parts;
    const orphan = await this.#require(store, objectKey);
    if (orphan.verdict !== 'adoptable' || orphan.objectSha256 === null) throw refused(orphan, 'adopted');
    const { sha256, sizeBytes } = await hashObject(await orphan.place.open(), objectKey);
    if (sha256 !== orphan.objectSha256) throw refused(orphan, 'adopted, because its bytes are not what it says');
    await db.transaction(async (tx) => {
      await this.#stillOrphan(tx, orphan, sha256);
      await replicas.restore(tx, [
        {
          ...orphan.place.address,
          ...{ userId: orphan.key.userId, datasetId: orphan.key.datasetId, objectKey },
          ...{ generation: orphan.key.generation, versionId: orphan.stat.versionId ?? null },
          stored: { sizeBytes, objectSha256: sha256 },
        },
      ]);
      await this.#tell(tx, orphan, 'orphan.adopted', actor);
    });
    await reconciler.reconcile(orphan.key.datasetId);
    return orphanJson(orphan);
  }

  /**
   * Removes an orphan that we have signed and no living dataset could use. One that `rebuild` could give back is only
   * removed when `restorable` says so.
   * @throws not_an_orphan, orphan_refused
   */
  async remove(store: string, objectKey: string, options: { actor: string; restorable: boolean }): Promise<OrphanJson> {
    const { db } = this.#parts;
    const orphan = await this.#require(store, objectKey);
    if (orphan.verdict === 'quarantined') throw refused(orphan, 'removed');
    // It may be the last good one: as a copy it is under the guard of copies.
    if (orphan.verdict === 'adoptable') throw refused(orphan, 'removed: adopt it');
    if (orphan.verdict === 'restorable' && !options.restorable) throw refused(orphan, 'removed unless it is named');
    const service = await orphan.place.open();
    await db.transaction(async (tx) => {
      // Nobody begins a copy at this address while it is being removed.
      await lockPlaced(tx, orphan.key.datasetId);
      await this.#stillUnnamed(tx, orphan);
      await service.delete(objectKey, { allVersions: true });
      await this.#tell(tx, orphan, 'orphan.removed', options.actor);
    });
    return orphanJson(orphan);
  }

  /** Adds what it finds to the page. The cursor within the place when the page is full; undefined at its end. */
  async #fill(
    page: OrphanPage,
    place: StorePlace,
    from: string | undefined,
    limit: number,
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    try {
      for (let cursor = from; ; ) {
        const found = await this.#parts.finder.page(place, cursor, signal);
        page.orphans.push(...found.orphans.map(orphanJson));
        page.looked_at += found.looked;
        cursor = found.nextCursor;
        if (cursor === undefined) return undefined;
        if (page.orphans.length >= limit || page.looked_at >= LOOK_AT_MOST) return cursor;
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (!StorageError.is(error) && !(error instanceof LongshoreError)) throw error;
      page.unreachable.push({ store: place.id, code: error.code });
      return undefined;
    }
  }

  async #require(store: string, objectKey: string): Promise<Orphan> {
    const place = await this.#parts.inventory.find(store);
    const orphan = place === undefined ? undefined : await this.#parts.finder.find(place, objectKey);
    if (orphan !== undefined) return orphan;
    throw notAnOrphan();
  }

  /** Under the dataset's lock: it still lives with these bytes, and no row has come to name the object. */
  async #stillOrphan(tx: Transaction, orphan: Orphan, sha256: string): Promise<void> {
    const dataset = await lockPlaced(tx, orphan.key.datasetId);
    if (!isLiving(dataset) || dataset.objectSha256 !== sha256) throw notAnOrphan();
    await this.#stillUnnamed(tx, orphan);
  }

  async #stillUnnamed(tx: Transaction, { place, stat }: Orphan): Promise<void> {
    if ((await this.#parts.known.named(place.address, [stat.key], tx)).size > 0) throw notAnOrphan();
  }

  async #tell(tx: Transaction, orphan: Orphan, action: string, actor: string): Promise<void> {
    const { userId, datasetId } = orphan.key;
    const { provider, bucket } = orphan.place.address;
    const details = { provider, bucket, key: orphan.stat.key, verdict: orphan.verdict };
    await this.#parts.audit.write({ userId, actor, action, subject: datasetId, details }, tx);
  }
}

async function hashObject(service: StorageService, key: string): Promise<{ sha256: string; sizeBytes: number }> {
  const { body } = await service.get(key);
  const hash = createHash('sha256');
  let sizeBytes = 0;
  await pipeline(body, async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      hash.update(chunk);
      sizeBytes += chunk.length;
    }
  });
  return { sha256: hash.digest('hex'), sizeBytes };
}

function notAnOrphan(): LongshoreError {
  return new LongshoreError('not_an_orphan', 'There is no such orphan: it is gone, too young, or in use.', {
    hint: 'List them again: `longshore orphans`.',
  });
}

function refused({ verdict, reason }: Orphan, what: string): LongshoreError {
  const why = reason === null ? verdict : `${verdict}: ${reason}`;
  return new LongshoreError('orphan_refused', `This object (${why}) may not be ${what}.`, {
    hint: 'See "Orphans" in docs/operations.md for what each verdict allows.',
  });
}
