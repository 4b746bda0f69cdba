import { type DatasetBody, putDataset } from '@/lib/storage/dataset-upload.ts';
import { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import { type FilesystemStorageOptions, FilesystemStorageService } from '@/lib/storage/filesystem-storage-service.ts';
import { composeLayers, type LayerOptions } from '@/lib/storage/layers/compose-layers.ts';
import { type RunCall, type StorageCall, StorageLayer } from '@/lib/storage/layers/storage-layer.ts';
import type { S3StoreConfig } from '@/lib/storage/s3-config.ts';
import { S3StorageService } from '@/lib/storage/s3-storage-service.ts';
import type { StorageProvider, StorageService } from '@/lib/storage/storage-service.ts';
import type { SupabaseStoreConfig } from '@/lib/storage/supabase-config.ts';
import { SupabaseStorageService } from '@/lib/storage/supabase-storage-service.ts';

export interface StorageDependencies {
  /** One for the process, so that connections are shared. Default: one of its own that allows public endpoints only. */
  guard?: EndpointGuard;
  layers?: LayerOptions;
  now?: () => Date;
  /** Where streams without a length are kept while they are uploaded. Default: the system's temporary folder. */
  spoolFolder?: string;
}

/** A store in all its layers, with the two calls that most callers need. */
export interface DatasetStorage extends StorageService {
  /** Stores a compressed dataset under its usual key and returns the key. */
  uploadDataset(body: DatasetBody, userId: string, datasetId: string): Promise<string>;
  /** A URL that opens the object without credentials. Default 7,200 seconds. */
  generateDownloadUrl(key: string, expiresInSeconds?: number): Promise<string>;
}

/** Builds the service of a provider in all its layers. Makes no request; a filesystem prepares its directory. */
export function createStorageService(
  provider: 's3',
  config: S3StoreConfig,
  dependencies?: StorageDependencies,
): DatasetStorage;
export function createStorageService(
  provider: 'supabase',
  config: SupabaseStoreConfig,
  dependencies?: StorageDependencies,
): DatasetStorage;
export function createStorageService(
  provider: 'filesystem',
  config: FilesystemStorageOptions,
  dependencies?: StorageDependencies,
): Promise<DatasetStorage>;
export function createStorageService(
  provider: StorageProvider,
  config: S3StoreConfig | SupabaseStoreConfig | FilesystemStorageOptions,
  dependencies: StorageDependencies = {},
): DatasetStorage | Promise<DatasetStorage> {
  const { guard = new EndpointGuard({ allowPrivateEndpoints: false }), now, spoolFolder } = dependencies;
  const layered = (base: StorageService) =>
    new DatasetStorageLayer(composeLayers(base, dependencies.layers), spoolFolder);
  switch (provider) {
    case 's3':
      return layered(new S3StorageService(config as S3StoreConfig, { guard, now }));
    case 'supabase':
      return layered(new SupabaseStorageService(config as SupabaseStoreConfig, { guard, now }));
    case 'filesystem':
      return FilesystemStorageService.open(config as FilesystemStorageOptions).then(layered);
  }
}

class DatasetStorageLayer extends StorageLayer implements DatasetStorage {
  private readonly spoolFolder: string | undefined;

  constructor(inner: StorageService, spoolFolder: string | undefined) {
    super(inner);
    this.spoolFolder = spoolFolder;
  }

  uploadDataset(body: DatasetBody, userId: string, datasetId: string): Promise<string> {
    return putDataset(this.inner, body, { userId, datasetId, spoolFolder: this.spoolFolder });
  }

  async generateDownloadUrl(key: string, expiresInSeconds = 7200): Promise<string> {
    return (await this.presignGet(key, { expiresInSeconds })).url;
  }

  protected around<T>(call: StorageCall, run: RunCall<T>): Promise<T> {
    return run(call.signal);
  }
}
