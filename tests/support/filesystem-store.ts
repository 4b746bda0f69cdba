import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FilesystemStorageService } from '@/lib/storage/filesystem-storage-service.ts';
import { FileUrlSigner } from '@/lib/storage/signed-file-url.ts';

export interface FilesystemTestStore {
  service: FilesystemStorageService;
  signer: FileUrlSigner;
  close(): Promise<void>;
}

/** A filesystem store in a temporary folder. */
export async function openFilesystemTestStore(now?: () => Date): Promise<FilesystemTestStore> {
  const root = await mkdtemp(join(tmpdir(), 'longshore-store-'));
  const keys = [{ id: 'k1', secret: randomBytes(32) }] as const;
  const signer = new FileUrlSigner({ publicUrl: 'http://files.test', keys, now });
  const service = await FilesystemStorageService.open({ root, signer, now });
  return { service, signer, close: () => rm(root, { recursive: true }) };
}
