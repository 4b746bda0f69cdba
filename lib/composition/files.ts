import { join } from 'node:path';
import type { Config } from '@/lib/config/config.ts';
import type { MasterKey, MasterKeys } from '@/lib/config/master-key.ts';
import { FilesystemStorageService } from '@/lib/storage/filesystem-storage-service.ts';
import { FileUrlSigner, type SigningKey } from '@/lib/storage/signed-file-url.ts';
import { createStorageService, type DatasetStorage } from '@/lib/storage/storage-factory.ts';

export interface Files {
  readonly store: DatasetStorage;
  readonly signer: FileUrlSigner;
  /** Removes what killed processes left of unfinished writes. Returns how many files. */
  sweep(): Promise<number>;
}

/**
 * The filesystem store below DATA_DIR. It is there in every installation: where Supabase became the base store later,
 * the copies that were written before are still read from here.
 */
export async function composeFiles(ground: { config: Config; keys: MasterKeys; baseUrl: URL }): Promise<Files> {
  const { config, keys, baseUrl } = ground;
  const signingKey = (key: MasterKey): SigningKey => ({ id: key.id, secret: keys.derive('url-signing', key) });
  const signer = new FileUrlSigner({
    publicUrl: baseUrl.origin,
    keys: [signingKey(keys.current), ...keys.previous.map(signingKey)],
  });
  // The name and not the path is what replica rows record: DATA_DIR may move to another disk or mount point.
  const root = join(config.dataDir, 'objects');
  const options = { root, name: 'objects', signer };
  const store = await createStorageService('filesystem', options);
  const sweep = async () => (await FilesystemStorageService.open(options)).sweep();
  return { store, signer, sweep };
}
