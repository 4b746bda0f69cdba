import type { ObjectStat, PutOptions, ReplayableBody } from '@/lib/storage/storage-service.ts';

/** Whether what a store has is what a put would make: the size, and every metadata field of ours. */
export function isSameObject(found: ObjectStat, body: ReplayableBody, options: PutOptions): boolean {
  const wanted = Object.entries(options.metadata ?? {});
  return found.sizeBytes === body.sizeBytes && wanted.every(([name, value]) => found.metadata[name] === value);
}

/** As above, for an object whose maker is not known: without metadata nothing proves that it is ours. */
export function isOwnObject(found: ObjectStat, body: ReplayableBody, options: PutOptions): boolean {
  return Object.keys(options.metadata ?? {}).length > 0 && isSameObject(found, body, options);
}
