import { randomUUID } from 'node:crypto';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { decodeManifest, encodeManifest, type Manifest } from '@/lib/datasets/manifest.ts';
import type { IntegrityKeys } from '@/lib/placement/integrity.ts';
import { publishFile, syncFolder, writeDurably } from '@/lib/storage/filesystem-durability.ts';
import { errnoOf } from '@/lib/storage/filesystem-errors.ts';

const MANIFEST = '.json';
const TOMBSTONE = '.deleted';
const DRAFT = '.draft';

/** Manifests and tombstones of this host, in its spool directory. Every change is durable when it resolves. */
export class ManifestFiles {
  readonly #folder: string;
  readonly #keys: IntegrityKeys;

  constructor(folder: string, keys: IntegrityKeys) {
    this.#folder = folder;
    this.#keys = keys;
  }

  async write(manifest: Manifest): Promise<void> {
    await this.#publish(`${manifest.dataset.id}${MANIFEST}`, encodeManifest(manifest, this.#keys));
  }

  /** Undefined when there is none, or none that we signed. */
  async read(datasetId: string): Promise<Manifest | undefined> {
    const text = await this.#text(`${datasetId}${MANIFEST}`);
    return text === undefined ? undefined : decodeManifest(text, this.#keys);
  }

  async remove(datasetId: string): Promise<void> {
    await this.#remove(`${datasetId}${MANIFEST}`);
  }

  /** Says durably that a dataset was deleted, whatever the database remembers. */
  async bury(datasetId: string): Promise<void> {
    await this.#publish(`${datasetId}${TOMBSTONE}`, `${this.#keys.sign('tombstone', datasetId)}\n`);
    await this.remove(datasetId);
  }

  async isBuried(datasetId: string): Promise<boolean> {
    const text = await this.#text(`${datasetId}${TOMBSTONE}`);
    return text !== undefined && this.#keys.verify('tombstone', datasetId, text.trim());
  }

  async removeTombstone(datasetId: string): Promise<void> {
    await this.#remove(`${datasetId}${TOMBSTONE}`);
  }

  async manifestIds(): Promise<string[]> {
    return this.#ids(MANIFEST);
  }

  async tombstoneIds(): Promise<string[]> {
    return this.#ids(TOMBSTONE);
  }

  /** Removes what a process that died while writing left. */
  async removeDrafts(before: Date): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      if (!name.endsWith(DRAFT)) continue;
      const modified = await this.#modified(name);
      if (modified !== undefined && modified < before) await rm(join(this.#folder, name), { force: true });
    }
  }

  /** When the dataset's manifest or tombstone was written; undefined when there is neither. */
  async writtenAt(datasetId: string): Promise<Date | undefined> {
    const manifest = await this.#modified(`${datasetId}${MANIFEST}`);
    return manifest ?? this.#modified(`${datasetId}${TOMBSTONE}`);
  }

  async #ids(suffix: string): Promise<string[]> {
    const names = await readdir(this.#folder);
    return names.filter((name) => name.endsWith(suffix)).map((name) => name.slice(0, -suffix.length));
  }

  async #publish(name: string, text: string): Promise<void> {
    const draft = join(this.#folder, `${name}.${randomUUID()}${DRAFT}`);
    await writeDurably(draft, Readable.from([Buffer.from(text)]));
    await publishFile(draft, join(this.#folder, name), false);
  }

  async #remove(name: string): Promise<void> {
    await rm(join(this.#folder, name), { force: true });
    await syncFolder(this.#folder);
  }

  async #text(name: string): Promise<string | undefined> {
    return readFile(join(this.#folder, name), 'utf8').catch(absent);
  }

  async #modified(name: string): Promise<Date | undefined> {
    return stat(join(this.#folder, name)).then((found) => found.mtime, absent);
  }
}

function absent(error: unknown): undefined {
  if (errnoOf(error) !== 'ENOENT') throw error;
}
