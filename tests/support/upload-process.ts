/**
 * A process for kill and memory tests: uploads one file with a journal, and prints `progress N` after every acknowledged
 * piece and `done MAX_RSS_KIB` at the end. Its one argument is an UploadTask as JSON.
 */
import { writeSync } from 'node:fs';
import { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import { composeLayers } from '@/lib/storage/layers/compose-layers.ts';
import type { S3StoreConfig } from '@/lib/storage/s3-config.ts';
import { S3StorageService } from '@/lib/storage/s3-storage-service.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';
import type { SupabaseStoreConfig } from '@/lib/storage/supabase-config.ts';
import { SupabaseStorageService } from '@/lib/storage/supabase-storage-service.ts';
import { fileBody } from '@/lib/streams/replayable-body.ts';
import { fileJournal } from './file-journal.ts';

export interface UploadTask {
  store: { provider: 's3'; config: S3StoreConfig } | { provider: 'supabase'; config: SupabaseStoreConfig };
  key: string;
  path: string;
  sha256: string;
  journalPath: string;
}

export function storeOf({ store }: UploadTask, guard: EndpointGuard): StorageService {
  if (store.provider === 's3') return new S3StorageService(store.config, { guard });
  return new SupabaseStorageService(store.config, { guard });
}

export async function upload(
  task: UploadTask,
  service: StorageService,
  onProgress: (sent: number) => void,
): Promise<void> {
  const { key, path, sha256, journalPath } = task;
  const options = {
    journal: fileJournal(journalPath),
    metadata: { sha256 },
    contentType: 'application/gzip',
    onProgress,
  };
  await service.put(key, await fileBody(path, { sha256 }), options);
}

if (process.argv[2] !== undefined) {
  const task = JSON.parse(process.argv[2]) as UploadTask;
  const guard = new EndpointGuard({ allowPrivateEndpoints: true });
  await upload(task, composeLayers(storeOf(task, guard)), (sent) => writeSync(1, `progress ${sent}\n`));
  writeSync(1, `done ${process.resourceUsage().maxRSS}\n`);
  guard.close();
}
