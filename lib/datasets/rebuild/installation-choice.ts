import { LongshoreError } from '@/lib/errors.ts';
import { type IntegrityKeys, identityOf } from '@/lib/placement/integrity.ts';
import type { StoreInventory } from '@/lib/placement/store-inventory.ts';
import { parseDatasetKey } from '@/lib/storage/object-key.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';

export interface InstallationFacts {
  /** Given by a person. */
  wanted: string | undefined;
  /** Of the database; undefined when it is as good as new. */
  database: string | undefined;
  /** Of the spool directory. */
  host: string | undefined;
  /** Named by objects that our key has signed. */
  signed: ReadonlySet<string>;
}

/**
 * Who this installation was. A lost database takes its id with it; the spool directory and every object still name it.
 * @throws installation_unknown, installation_ambiguous
 */
export function chooseInstallation({ wanted, database, host, signed }: InstallationFacts): string {
  const certain = wanted ?? database ?? host;
  if (certain !== undefined) return certain;
  const [only, ...others] = signed;
  if (only === undefined) {
    throw new LongshoreError('installation_unknown', 'No object in the stores carries a signature of this key.', {
      hint: 'Are the stores and the ENCRYPTION_KEY (or DATA_DIR/secret.key) those of the lost installation?',
    });
  }
  if (others.length === 0) return only;
  throw new LongshoreError('installation_ambiguous', `The stores hold objects of ${signed.size} installations.`, {
    hint: `Say which one with --installation: ${[...signed].join(', ')}`,
  });
}

/** So many signed objects of a store tell enough. */
const SAMPLE = 50;

/** The installations whose objects lie in the stores, by a sample of each store. */
export async function signedInstallations(
  inventory: StoreInventory,
  keys: IntegrityKeys,
  signal?: AbortSignal,
): Promise<Set<string>> {
  const found = new Set<string>();
  for (const place of await inventory.places()) {
    try {
      const service = await place.open();
      const { objects } = await service.list(place.prefix, { signal });
      const ours = objects.filter(({ key }) => parseDatasetKey(place.address.provider, key)?.kind === 'object');
      for (const { key } of ours.slice(0, SAMPLE)) {
        const identity = identityOf((await service.stat(key, { signal })).metadata, keys);
        if (identity !== undefined) found.add(identity.installationId);
      }
    } catch (error) {
      // The rebuild itself tells which stores do not answer.
      if (!StorageError.is(error)) throw error;
    }
  }
  return found;
}
