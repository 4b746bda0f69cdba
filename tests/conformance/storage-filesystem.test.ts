import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { LongshoreError } from '@/lib/errors.ts';
import { FilesystemStorageService } from '@/lib/storage/filesystem-storage-service.ts';
import { checked } from '@/lib/storage/layers/checked.ts';
import { breaker } from '@/lib/storage/layers/circuit-breaker.ts';
import { composeLayers } from '@/lib/storage/layers/compose-layers.ts';
import { faults } from '@/lib/storage/layers/faults.ts';
import { limit } from '@/lib/storage/layers/limit.ts';
import { metrics } from '@/lib/storage/layers/metrics.ts';
import { retry } from '@/lib/storage/layers/retry.ts';
import { timeout } from '@/lib/storage/layers/timeout.ts';
import { openSignedFile } from '@/lib/storage/open-signed-file.ts';
import { FileUrlSigner } from '@/lib/storage/signed-file-url.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';
import { describeStorageService, type StorageHarness } from './storage-service.ts';

const observer = { onCall: () => undefined, onBytes: () => undefined };

/** Each layer alone, and the stack as it is used. */
const stacks: Record<string, (base: StorageService) => StorageService> = {
  bare: (base) => base,
  checked: (base) => checked(base),
  retry: (base) => retry(base),
  limit: (base) => limit(base, { maxPuts: 1, maxGets: 1, maxRequests: 1 }),
  timeout: (base) => timeout(base),
  breaker: (base) => breaker(base),
  metrics: (base) => metrics(base, observer),
  faults: (base) => faults(base, () => undefined),
  'all layers': (base) => composeLayers(base, { observer }),
};

for (const [name, stack] of Object.entries(stacks)) {
  describeStorageService(`filesystem, ${name}`, () => filesystemHarness(stack));
}

async function filesystemHarness(stack: (base: StorageService) => StorageService): Promise<StorageHarness> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-fs-'));
  const keys = [{ id: 'k1', secret: Buffer.alloc(32, 7) }] as const;
  const signer = new FileUrlSigner({ publicUrl: 'http://files.test', keys });
  const service = stack(await FilesystemStorageService.open({ root: join(folder, 'store'), signer }));
  const doomed = await FilesystemStorageService.open({ root: join(folder, 'gone'), signer });
  await rm(join(folder, 'gone'), { recursive: true });
  return {
    service,
    missingBucket: stack(doomed),
    fetchSigned: (url, init) => fetchSignedFile(service, signer, url, init),
    close: () => rm(folder, { recursive: true }),
  };
}

async function fetchSignedFile(
  service: StorageService,
  signer: FileUrlSigner,
  url: string,
  init: RequestInit = {},
): Promise<Response> {
  try {
    const request = { method: init.method ?? 'GET', url, headers: new Headers(init.headers) };
    const { status, headers, body } = await openSignedFile(service, signer, request);
    return new Response(body === undefined ? null : (Readable.toWeb(body) as ReadableStream), { status, headers });
  } catch (error) {
    if (error instanceof LongshoreError) return new Response(error.message, { status: 403 });
    if (StorageError.is(error, 'not_found')) return new Response(error.message, { status: 404 });
    throw error;
  }
}
