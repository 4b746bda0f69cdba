import { StorageError } from '@/lib/storage/storage-error.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';
import { bufferBody } from '@/lib/streams/replayable-body.ts';

/**
 * A small object beside a user's datasets. That an object is missing is believed only while the sentinel can be read
 * with the same credentials: a wrong bucket, a lost mount or a narrowed policy looks the same as an empty store.
 */
export class Sentinels {
  readonly #placed = new Set<string>();

  /** Called before the first copy of a user goes to a store. */
  async ensure(service: StorageService, userId: string): Promise<void> {
    const place = `${service.provider} ${service.endpoint ?? ''} ${service.bucket} ${userId}`;
    if (provesItself(service) || this.#placed.has(place)) return;
    if (!(await isThere(service, userId)))
      await service.put(sentinelKey(userId), SENTINEL, { contentType: 'text/plain' });
    this.#placed.add(place);
  }

  /** Throws `unavailable` where a missing object proves nothing. */
  async assertReadable(service: StorageService, userId: string): Promise<void> {
    if (provesItself(service) || (await isThere(service, userId))) return;
    throw new StorageError('unavailable', {
      provider: service.provider,
      operation: 'get',
      key: sentinelKey(userId),
      detail: 'the sentinel object is missing too, so the store is not the one we know',
    });
  }
}

const SENTINEL = bufferBody('This object tells Longshore that it looks at the right bucket. Leave it here.\n');

export function sentinelKey(userId: string): string {
  return `${userId}/longshore-sentinel`;
}

/** The filesystem store has a marker of its own and answers `bucket_not_found` without it. */
function provesItself(service: StorageService): boolean {
  return service.provider === 'filesystem';
}

async function isThere(service: StorageService, userId: string): Promise<boolean> {
  try {
    const { body } = await service.get(sentinelKey(userId));
    for await (const _ of body);
    return true;
  } catch (error) {
    if (StorageError.is(error, 'not_found')) return false;
    throw error;
  }
}
