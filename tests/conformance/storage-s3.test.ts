import { composeLayers } from '@/lib/storage/layers/compose-layers.ts';
import type { S3StoreConfig } from '@/lib/storage/s3-config.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';
import { startS3TestStore } from '@/tests/support/s3-store.ts';
import { describeStorageService, type StorageHarness } from './storage-service.ts';

const bare = (base: StorageService) => base;
const layered = (base: StorageService) => composeLayers(base);

describeStorageService('s3', () => s3Harness({}, bare));
describeStorageService('s3, all layers', () => s3Harness({}, layered));
describeStorageService('s3, a bucket that keeps versions', () => s3Harness({ versioned: true }, layered));
describeStorageService('s3, a store of which nothing is known', () => s3Harness({ profile: 'generic' }, layered));

async function s3Harness(
  changes: Partial<S3StoreConfig>,
  stack: (base: StorageService) => StorageService,
): Promise<StorageHarness> {
  const bucket = 'conformance-bucket';
  const store = await startS3TestStore({ bucket, ...changes });
  await store.sandbox.createBucket(bucket, { versioning: changes.versioned ?? false });
  return {
    service: stack(store.service),
    missingBucket: stack(store.variant({ bucket: 'no-such-bucket' })),
    fetchSigned: (url, init) => fetch(url, init),
    close: store.close,
  };
}
