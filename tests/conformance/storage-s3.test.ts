import { randomUUID } from 'node:crypto';
import { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import { composeLayers } from '@/lib/storage/layers/compose-layers.ts';
import type { S3StoreConfig } from '@/lib/storage/s3-config.ts';
import { connectS3 } from '@/lib/storage/s3-connect.ts';
import { S3StorageService } from '@/lib/storage/s3-storage-service.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';
import { startS3TestStore } from '@/tests/support/s3-store.ts';
import { describeStorageService, type StorageHarness } from './storage-service.ts';

const bare = (base: StorageService) => base;
const layered = (base: StorageService) => composeLayers(base);

describeStorageService('s3', () => s3Harness({}, bare));
describeStorageService('s3, all layers', () => s3Harness({}, layered));
describeStorageService('s3, a bucket that keeps versions', () => s3Harness({ versioned: true }, layered));
describeStorageService('s3, a store of which nothing is known', () => s3Harness({ profile: 'generic' }, layered));

/**
 * Any real bucket: LONGSHORE_TEST_S3_BUCKET with _ACCESS_KEY_ID and _SECRET_ACCESS_KEY, where needed _ENDPOINT, _REGION.
 * Objects are made under prefixes of their own, and removed.
 */
const { LONGSHORE_TEST_S3_BUCKET: realBucket } = process.env;
if (realBucket !== undefined)
  describeStorageService('s3, the endpoint of the environment', () => realHarness(realBucket));

async function realHarness(bucket: string): Promise<StorageHarness> {
  const read = (name: string) => process.env[`LONGSHORE_TEST_S3_${name}`];
  const guard = new EndpointGuard({ allowPrivateEndpoints: true });
  const config: S3StoreConfig = {
    bucket,
    region: read('REGION'),
    endpoint: read('ENDPOINT'),
    credentials: { accessKeyId: read('ACCESS_KEY_ID') ?? '', secretAccessKey: read('SECRET_ACCESS_KEY') ?? '' },
    partSizeBytes: 5 * 1024 * 1024,
  };
  const base = await connectS3(config, { guard });
  const { profile } = base;
  const absent = { ...config, profile, bucket: `longshore-absent-${randomUUID()}` };
  return {
    service: layered(base),
    missingBucket: layered(new S3StorageService(absent, { guard })),
    fetchSigned: (url, init) => fetch(url, init),
    close: async () => guard.close(),
  };
}

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
