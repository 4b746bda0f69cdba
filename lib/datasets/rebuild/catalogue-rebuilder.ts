import { text } from 'node:stream/consumers';
import { decodeManifest, type Manifest } from '@/lib/datasets/manifest.ts';
import { rowOfManifest } from '@/lib/datasets/manifest-reconciler.ts';
import type { KnownObjects } from '@/lib/datasets/orphans/known-objects.ts';
import type { ObjectIndexer } from '@/lib/datasets/rebuild/object-indexer.ts';
import { emptyReport, type RebuildReport, type Refusal, refuse } from '@/lib/datasets/rebuild/rebuild-report.ts';
import type { ProvedObject, Restorer } from '@/lib/datasets/rebuild/restorer.ts';
import { createdAtOf } from '@/lib/db/ids.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { type IntegrityKeys, identityOf } from '@/lib/placement/integrity.ts';
import type { StoreInventory, StorePlace } from '@/lib/placement/store-inventory.ts';
import { type DatasetKey, parseDatasetKey } from '@/lib/storage/object-key.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type { ObjectStat, StorageService } from '@/lib/storage/storage-service.ts';

export interface CatalogueRebuilderParts {
  inventory: StoreInventory;
  known: KnownObjects;
  restorer: Restorer;
  indexer: ObjectIndexer;
  keys: IntegrityKeys;
  installationId: string;
  /** Deletions that this host remembers without the database. */
  isBuried(datasetId: string): Promise<boolean>;
}

export interface RebuildOptions {
  /** Write the rows; otherwise only tell what would be written. */
  apply: boolean;
  signal?: AbortSignal;
  onProgress?: (looked: number) => void;
}

/** What stands in the database, or would stand there by now in a run that writes nothing. */
interface Standing {
  objectSha256: string | null;
  ready: boolean;
}

interface Pass {
  report: RebuildReport;
  options: RebuildOptions;
  /** Datasets as they stand, those that this run gave back included. */
  standing: Map<string, Standing>;
  /** Given back by this run. */
  restored: Set<string>;
  deleted: Set<string>;
  users: Set<string>;
  looked: number;
}

type Visit = (pass: Pass, place: StorePlace, service: StorageService, found: Found) => Promise<void>;
interface Found {
  key: DatasetKey;
  stat: ObjectStat;
}

/**
 * Brings back the rows of datasets whose objects lie in the stores. First those that have a manifest, which says
 * everything; then every object that no row names yet: one more copy of its dataset, or the dataset itself, as far as
 * its bytes tell. Only what carries this installation's signature counts. May be repeated at any time.
 */
export class CatalogueRebuilder {
  readonly #parts: CatalogueRebuilderParts;

  constructor(parts: CatalogueRebuilderParts) {
    this.#parts = parts;
  }

  async run(options: RebuildOptions): Promise<RebuildReport> {
    const report = emptyReport(options.apply, this.#parts.installationId);
    report.datasets.known = await this.#parts.known.datasetCount();
    const sets = { restored: new Set<string>(), deleted: new Set<string>(), users: new Set<string>() };
    const pass: Pass = { report, options, standing: new Map(), ...sets, looked: 0 };
    const places = await this.#parts.inventory.places();
    for (const place of places) await this.#walk(pass, place, 'manifest', this.#visitManifest);
    for (const place of places) await this.#walk(pass, place, 'object', this.#visitObject);
    report.users = [...pass.users].sort();
    report.datasets.deleted = pass.deleted.size;
    return report;
  }

  async #walk(pass: Pass, place: StorePlace, kind: DatasetKey['kind'], visit: Visit): Promise<void> {
    const { signal, onProgress } = pass.options;
    let objects = 0;
    try {
      const service = await place.open();
      for (let cursor: string | undefined; ; ) {
        const page = await service.list(place.prefix, { cursor, signal });
        const wanted = page.objects.flatMap((stat): Found[] => {
          const key = parseDatasetKey(place.address.provider, stat.key);
          return key?.kind === kind ? [{ key, stat }] : [];
        });
        objects += wanted.length;
        for (const found of await this.#unknown(pass, place, wanted)) {
          signal?.throwIfAborted();
          await visit.call(this, pass, place, service, found);
        }
        pass.looked += wanted.length;
        onProgress?.(pass.looked);
        if (page.nextCursor === undefined) break;
        cursor = page.nextCursor;
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (!StorageError.is(error) && !isStoreUnknown(error)) throw error;
      if (pass.report.unreachable.every(({ store }) => store !== place.id)) {
        pass.report.unreachable.push({ store: place.id, code: error.code });
      }
    }
    if (kind === 'object') pass.report.stores.push({ store: place.id, objects });
  }

  /** Those of a page that no row speaks of: objects without a replica, manifests without a dataset. */
  async #unknown(pass: Pass, place: StorePlace, page: readonly Found[]): Promise<Found[]> {
    const { known } = this.#parts;
    const keys = page.map(({ stat }) => stat.key);
    const named = await known.named(place.address, keys);
    const ids = [...new Set(page.map(({ key }) => key.datasetId))];
    const [datasets, deleted] = await Promise.all([known.datasets(ids), known.deleted(ids)]);
    const left: Found[] = [];
    for (const found of page) {
      const { datasetId, kind } = found.key;
      const dataset = datasets.get(datasetId);
      if (kind === 'object' && named.has(found.stat.key)) {
        if (!pass.restored.has(datasetId)) pass.report.copies.known += 1;
      } else if (dataset?.deleted || deleted.has(datasetId) || (await this.#parts.isBuried(datasetId))) {
        pass.deleted.add(datasetId);
      } else if (dataset === undefined) left.push(found);
      else if (kind === 'object') {
        pass.standing.set(datasetId, { objectSha256: dataset.objectSha256, ready: dataset.status === 'ready' });
        left.push(found);
      }
    }
    return left;
  }

  async #visitManifest(pass: Pass, place: StorePlace, service: StorageService, { key, stat }: Found): Promise<void> {
    if (pass.standing.has(key.datasetId)) return;
    const { body } = await service.get(stat.key, { signal: pass.options.signal });
    const manifest = decodeManifest(await text(body), this.#parts.keys);
    if (manifest === undefined || !this.#speaksOf(manifest, key)) {
      refuse(pass.report, place.id, stat.key, 'manifest_refused');
      return;
    }
    const { object_sha256: objectSha256, file_size_bytes: sizeBytes } = manifest.dataset;
    const beside = await this.#objectsBeside(place, service, key);
    const copies = beside.filter((copy) => copy.objectSha256 === objectSha256 && copy.stat.sizeBytes === sizeBytes);
    // Without an object here there may be one elsewhere, with a manifest of its own.
    if (copies.length === 0) return;
    const row = { ...rowOfManifest(manifest), status: 'ready' as const };
    if (pass.options.apply) await this.#parts.restorer.dataset(row, manifest.report, copies);
    this.#restored(pass, key, objectSha256);
    pass.report.datasets.from_manifest += 1;
    if (pass.options.apply) pass.report.copies.restored += copies.length;
  }

  async #visitObject(
    pass: Pass,
    place: StorePlace,
    service: StorageService,
    { key, stat: listed }: Found,
  ): Promise<void> {
    const stat = await service.stat(listed.key);
    const proved = this.#prove(place, key, stat);
    if (typeof proved === 'string') return refuse(pass.report, place.id, stat.key, proved);
    const standing = pass.standing.get(key.datasetId);
    if (standing !== undefined && standing.objectSha256 !== proved.objectSha256) {
      return refuse(pass.report, place.id, stat.key, 'differs');
    }
    if (standing?.ready === false) return;
    if (standing === undefined) await this.#restoreFromObject(pass, service, proved);
    else {
      if (pass.options.apply) await this.#parts.restorer.copy(proved);
      pass.report.copies.restored += 1;
    }
  }

  async #restoreFromObject(pass: Pass, service: StorageService, proved: ProvedObject): Promise<void> {
    const { indexer, restorer } = this.#parts;
    const { key, stat, objectSha256, place } = proved;
    const indexed = await indexer.index(service, stat.key, objectSha256, pass.options.signal);
    if (indexed === undefined) return refuse(pass.report, place.id, stat.key, 'corrupt');
    const row = {
      ...indexed.facts,
      ...{ id: key.datasetId, userId: key.userId, name: `restored-${key.datasetId}`, status: 'ready' as const },
      ...{ storagePath: stat.key, storageProvider: place.address.provider, objectSha256, attempt: 1, metadata: {} },
      createdAt: createdAtOf(key.datasetId) ?? stat.lastModified ?? null,
    };
    if (pass.options.apply) await restorer.dataset(row, indexed.report, [proved]);
    this.#restored(pass, key, objectSha256);
    pass.report.datasets.from_object += 1;
    pass.report.copies.restored += 1;
  }

  #restored(pass: Pass, { datasetId, userId }: DatasetKey, objectSha256: string): void {
    pass.standing.set(datasetId, { objectSha256, ready: true });
    pass.restored.add(datasetId);
    pass.users.add(userId);
  }

  #speaksOf({ installation_id, dataset }: Manifest, key: DatasetKey): boolean {
    const { installationId } = this.#parts;
    return installation_id === installationId && dataset.id === key.datasetId && dataset.user_id === key.userId;
  }

  /** Objects of a dataset in one store whose signatures are ours, for that very place. */
  async #objectsBeside(place: StorePlace, service: StorageService, manifest: DatasetKey): Promise<ProvedObject[]> {
    const folder = place.address.provider === 's3' ? 'datasets' : 'private';
    const { objects } = await service.list(`${manifest.userId}/${folder}/${manifest.datasetId}.`);
    const proved: ProvedObject[] = [];
    for (const listed of objects) {
      const key = parseDatasetKey(place.address.provider, listed.key);
      if (key?.kind !== 'object' || key.datasetId !== manifest.datasetId) continue;
      const object = this.#prove(place, key, await service.stat(listed.key));
      if (typeof object !== 'string') proved.push(object);
    }
    return proved;
  }

  #prove(place: StorePlace, key: DatasetKey, stat: ObjectStat): ProvedObject | Refusal {
    const identity = identityOf(stat.metadata, this.#parts.keys);
    if (identity === undefined) return 'unsigned';
    if (identity.installationId !== this.#parts.installationId) return 'other_installation';
    if (identity.datasetId !== key.datasetId || identity.userId !== key.userId) return 'wrong_place';
    return { place, key, stat, objectSha256: identity.objectSha256 };
  }
}

function isStoreUnknown(error: unknown): error is LongshoreError {
  return error instanceof LongshoreError && error.code === 'store_unknown';
}
