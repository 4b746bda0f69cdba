import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect } from 'vitest';
import { StorageError, type StorageErrorCode } from '@/lib/storage/storage-error.ts';
import type { ObjectStat, ReplayableBody, StorageService } from '@/lib/storage/storage-service.ts';

/** One store under test. It may hold other objects: every test works under a prefix of its own. */
export interface StorageHarness {
  service: StorageService;
  /** The same store with a bucket that does not exist. */
  missingBucket: StorageService;
  /** Fetches a signed URL as an outsider would: nothing but the URL. */
  fetchSigned(url: string, init?: RequestInit): Promise<Response>;
  close(): Promise<void>;
}

/** What every part of the contract works with; `harness` is there once the tests run. */
export interface ContractBench {
  readonly harness: StorageHarness;
  readonly service: StorageService;
  /** All objects of this run lie under it. */
  readonly prefix: string;
  newKey(): string;
}

export async function listAll(service: StorageService, prefix: string, limit?: number): Promise<ObjectStat[]> {
  const all: ObjectStat[] = [];
  let cursor: string | undefined;
  do {
    const page = await service.list(prefix, { cursor, limit });
    all.push(...page.objects);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return all;
}

export async function readText(service: StorageService, key: string): Promise<string> {
  return (await buffer((await service.get(key)).body)).toString();
}

/** The promise MUST reject with a StorageError of this code. */
export async function expectCode(work: Promise<unknown>, code: StorageErrorCode | 'any'): Promise<StorageError> {
  const outcome = await work.then(
    () => 'no error',
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(StorageError);
  if (!(outcome instanceof StorageError)) throw outcome;
  if (code !== 'any') expect(outcome.code, outcome.message).toBe(code);
  return outcome;
}

export async function expectAbsent(service: StorageService, key: string): Promise<void> {
  await expectCode(service.stat(key), 'not_found');
  await expectCode(service.get(key), 'not_found');
  expect(await listAll(service, key)).toEqual([]);
}

/** A body that fails after some of its bytes, as a spool on a dying disk does. */
export function brokenBody(sizeBytes: number, failsAfter: number): ReplayableBody {
  return {
    sizeBytes,
    open: () =>
      Readable.from(
        (async function* () {
          yield randomBytes(failsAfter);
          throw Object.assign(new Error('the disk is dying'), { code: 'EIO' });
        })(),
      ),
  };
}

/** A body that stands still after some of its bytes, and says so. */
export function stallingBody(sizeBytes: number, stallsAfter: number, onStall: () => void): ReplayableBody {
  return {
    sizeBytes,
    open: () => {
      let given = false;
      return new Readable({
        read() {
          if (given) return onStall();
          given = true;
          this.push(randomBytes(stallsAfter));
        },
      });
    },
  };
}

export function flipLetters(query: string): string {
  const last = query.at(-1) ?? '';
  return `${query.slice(0, -4)}${query.slice(-4, -1).split('').reverse().join('')}${last === 'a' ? 'b' : 'a'}`;
}

export function closed(stream: Readable): Promise<void> {
  return stream.closed ? Promise.resolve() : new Promise((resolve) => stream.once('close', () => resolve()));
}
