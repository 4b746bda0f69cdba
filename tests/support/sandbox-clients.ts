import { createHash } from 'node:crypto';
import { S3Client, type S3ClientConfig, S3ServiceException } from '@aws-sdk/client-s3';
import { StorageClient } from '@supabase/storage-js';

interface S3Endpoint {
  url: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
}

/** The official SDK with its defaults, except that it does not retry: tests want to see the first answer. */
export function s3ClientFor(server: S3Endpoint, config: S3ClientConfig = {}): S3Client {
  const { url: endpoint, region, accessKeyId, secretAccessKey } = server;
  const credentials = { accessKeyId, secretAccessKey };
  return new S3Client({ endpoint, region, credentials, forcePathStyle: true, maxAttempts: 1, ...config });
}

export function supabaseClientFor(
  server: { url: string; serviceRoleKey: string },
  key: string = server.serviceRoleKey,
): StorageClient {
  return new StorageClient(`${server.url}/storage/v1`, { apikey: key, Authorization: `Bearer ${key}` });
}

/** The service's refusal; anything else that happens is thrown on. */
export async function refusalOf(promise: Promise<unknown>): Promise<S3ServiceException> {
  const outcome = await promise.then(
    () => new Error('expected a refusal, but it worked'),
    (error: unknown) => error,
  );
  if (outcome instanceof S3ServiceException) return outcome;
  throw outcome;
}

/** Comparing large buffers element by element would exhaust the memory of the test runner: compare hashes. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
