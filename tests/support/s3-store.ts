import { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import type { S3StoreConfig } from '@/lib/storage/s3-config.ts';
import { S3StorageService } from '@/lib/storage/s3-storage-service.ts';
import { type S3Sandbox, type S3SandboxOptions, startS3Sandbox } from '@/sandbox/s3/start-s3-sandbox.ts';

export interface S3TestStore {
  sandbox: S3Sandbox;
  guard: EndpointGuard;
  config: S3StoreConfig;
  service: S3StorageService;
  /** The same store with other settings. */
  variant(changes: Partial<S3StoreConfig>): S3StorageService;
  close(): Promise<void>;
}

/** A sandbox S3 server and a service that speaks to it as to AWS, in parts of 5 MiB. */
export async function startS3TestStore(
  changes: Partial<S3StoreConfig> = {},
  options: S3SandboxOptions = {},
): Promise<S3TestStore> {
  const sandbox = await startS3Sandbox(options);
  const guard = new EndpointGuard({ allowPrivateEndpoints: true });
  const config: S3StoreConfig = {
    bucket: sandbox.bucket,
    region: sandbox.region,
    endpoint: sandbox.url,
    credentials: { accessKeyId: sandbox.accessKeyId, secretAccessKey: sandbox.secretAccessKey },
    profile: 'minio',
    partSizeBytes: 5 * 1024 * 1024,
    ...changes,
  };
  const variant = (more: Partial<S3StoreConfig>) => new S3StorageService({ ...config, ...more }, { guard });
  const service = variant({});
  const close = async () => {
    service.close();
    guard.close();
    await sandbox.close();
  };
  return { sandbox, guard, config, service, variant, close };
}
