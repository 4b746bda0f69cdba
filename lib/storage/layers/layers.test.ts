import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bufferBody } from '@/lib/streams/replayable-body.ts';
import { expectCode, readText } from '@/tests/conformance/storage-service.ts';
import { type FilesystemTestStore, openFilesystemTestStore } from '@/tests/support/filesystem-store.ts';
import type { StorageErrorCode } from '../storage-error.ts';
import type { PutOptions, StorageService } from '../storage-service.ts';
import { checked } from './checked.ts';
import { breaker } from './circuit-breaker.ts';
import { composeLayers } from './compose-layers.ts';
import { type Fault, type FaultPlan, faultSequence, faults } from './faults.ts';
import { limit } from './limit.ts';
import { metrics, type StorageEvent } from './metrics.ts';
import { retry } from './retry.ts';
import { Semaphore } from './semaphore.ts';
import { timeout } from './timeout.ts';

describe('layers', () => {
  let disk: FilesystemTestStore;
  let base: StorageService;

  beforeEach(async () => {
    disk = await openFilesystemTestStore();
    base = disk.service;
    await base.put('a/b', bufferBody('content'));
  });
  afterEach(() => disk.close());

  const down: Fault = { kind: 'error', code: 'unavailable' };
  const times = (count: number, fault: Fault) => Array.from({ length: count }, () => fault);
  const instant = { sleep: async () => undefined };

  describe('retry', () => {
    it.each<[StorageErrorCode, boolean]>([
      ['unavailable', true],
      ['timeout', true],
      ['rate_limited', true],
      ['corrupt', true],
      ['not_found', false],
      ['forbidden', false],
      ['unauthorized', false],
      ['disk_full', false],
      ['quota_exceeded', false],
      ['already_exists', false],
      ['aborted', false],
    ])('%s: repeated %s', async (code, repeated) => {
      const service = retry(faults(base, faultSequence('stat', { kind: 'error', code })), instant);
      if (repeated) expect((await service.stat('a/b')).sizeBytes).toBe(7);
      else await expectCode(service.stat('a/b'), code);
    });

    it('pauses longer each time, with jitter, up to a limit', async () => {
      const pauses: number[] = [];
      const options = { maxAttempts: 6, baseDelayMs: 100, maxDelayMs: 500, random: () => 0.5 };
      const service = retry(
        faults(base, () => down),
        { ...options, sleep: async (ms) => void pauses.push(ms) },
      );
      expect((await expectCode(service.stat('a/b'), 'unavailable')).retry).toBe('exhausted');
      expect(pauses).toEqual([50, 100, 200, 250, 250]);
    });

    it('waits at least as long as the store wants, but not for ever', async () => {
      const pauses: number[] = [];
      const sleep = async (ms: number) => void pauses.push(ms);
      const plan = (retryAfterMs: number) =>
        faultSequence('stat', { kind: 'error', code: 'rate_limited', retryAfterMs });
      await retry(faults(base, plan(3_000)), { sleep }).stat('a/b');
      const tooLong = retry(faults(base, plan(600_000)), { sleep }).stat('a/b');
      expect((await expectCode(tooLong, 'rate_limited')).retry).toBe('exhausted');
      expect(pauses).toEqual([3_000]);
    });

    it('stops a pause when told to', async () => {
      const abort = new AbortController();
      const plan: FaultPlan = () => {
        queueMicrotask(() => abort.abort());
        return down;
      };
      const service = retry(faults(base, plan), { baseDelayMs: 3_600_000, maxDelayMs: 3_600_000, random: () => 1 });
      await expectCode(service.stat('a/b', { signal: abort.signal }), 'aborted');
    });

    describe('of bodies that break off', () => {
      const bytes = randomBytes(1_000_000);
      const cut = (afterBytes: number): Fault => ({ kind: 'cut_body', afterBytes });
      beforeEach(() => base.put('a/long', bufferBody(bytes)).then());

      it('goes on where it stopped, and every byte comes once', async () => {
        const asked: unknown[] = [];
        const watch: FaultPlan = (call) => void (call.operation === 'get' && asked.push(call.key));
        const plan = faultSequence('get', cut(300_001), cut(0), cut(1), cut(400_000));
        const service = retry(faults(faults(base, watch), plan), instant);
        const { body } = await service.get('a/long', { range: { start: 1000, end: 900_000 } });
        expect((await buffer(body)).equals(bytes.subarray(1000, 900_000))).toBe(true);
        expect(asked).toHaveLength(5);
      });

      it('gives up when nothing more comes', async () => {
        const service = retry(
          faults(base, () => cut(0)),
          { ...instant, maxAttempts: 3 },
        );
        const { body } = await service.get('a/long');
        expect((await expectCode(buffer(body), 'unavailable')).retry).toBe('exhausted');
      });

      it('never mixes two objects', async () => {
        const plan = faultSequence('get', cut(300_000));
        const sleep = async () => void (await base.put('a/long', bufferBody(randomBytes(1_000_000))));
        const { body } = await retry(faults(base, plan), { sleep }).get('a/long');
        expect((await expectCode(buffer(body), 'unavailable')).detail).toContain('replaced');
      });

      it('lets go while it waits', async () => {
        const plan = faultSequence('get', cut(0));
        let waiting: () => void = () => undefined;
        const slept = new Promise<void>((resolve) => {
          waiting = resolve;
        });
        const sleep = (_ms: number, signal?: AbortSignal) =>
          new Promise<void>((_resolve, reject) => {
            signal?.addEventListener('abort', () => reject(signal.reason));
            waiting();
          });
        const { body } = await limit(retry(faults(base, plan), { sleep }), { maxGets: 1 }).get('a/long');
        body.resume();
        await slept;
        body.destroy();
        await new Promise((resolve) => body.once('close', resolve));
      });

      it('keeps the slot of one reader only', async () => {
        const plan = faultSequence('get', cut(10), cut(10), cut(10));
        const service = retry(limit(faults(base, plan), { maxGets: 1 }), instant);
        expect((await buffer((await service.get('a/long')).body)).equals(bytes)).toBe(true);
        expect(await readText(service, 'a/b')).toBe('content');
      });
    });

    it('opens a fresh reader for each attempt of a put', async () => {
      let opened = 0;
      const body = bufferBody('fresh');
      const open = () => {
        opened += 1;
        return body.open();
      };
      const counted = { ...body, open };
      await retry(
        faults(base, faultSequence('put', ...times(2, { kind: 'error_after', code: 'unavailable' }))),
        instant,
      ).put('a/new', counted);
      expect(opened).toBe(3);
      expect(await readText(base, 'a/new')).toBe('fresh');
    });

    it('takes an object for its own only when metadata proves it', async () => {
      const lostAnswer = faultSequence('put', { kind: 'error_after', code: 'timeout' });
      const own = retry(faults(base, lostAnswer), instant);
      await own.put('a/own', bufferBody('x'), { ifAbsent: true, metadata: { sha256: '1' } });
      const unproven = retry(faults(base, faultSequence('put', { kind: 'error_after', code: 'timeout' })), instant);
      await expectCode(unproven.put('a/unproven', bufferBody('x'), { ifAbsent: true }), 'already_exists');
    });
  });

  describe('limit', () => {
    it('keeps a slot until the body of a get closes', async () => {
      const service = limit(base, { maxGets: 1 });
      const first = await service.get('a/b');
      let second = 'waiting';
      const waiting = service.get('a/b').then(({ body }) => {
        second = 'open';
        body.destroy();
      });
      await base.stat('a/b');
      expect(second).toBe('waiting');
      first.body.destroy();
      await waiting;
      expect(second).toBe('open');
    });

    it('gives the slot back when a get fails', async () => {
      const service = limit(base, { maxGets: 1 });
      await expectCode(service.get('a/absent'), 'not_found');
      expect(await readText(service, 'a/b')).toBe('content');
    });

    it('lets small requests pass long transfers', async () => {
      const service = limit(base, { maxPuts: 1, maxGets: 1 });
      const { body } = await service.get('a/b');
      expect((await service.stat('a/b')).sizeBytes).toBe(7);
      await service.put('a/c', bufferBody('copy'));
      body.destroy();
    });

    it('lets a waiting call go when told to', async () => {
      const service = limit(base, { maxGets: 1 });
      const { body } = await service.get('a/b');
      const abort = new AbortController();
      const waiting = expectCode(service.get('a/b', { signal: abort.signal }), 'aborted');
      abort.abort();
      await waiting;
      body.destroy();
      expect(await readText(service, 'a/b')).toBe('content');
    });

    it('serves in the order of asking, and a slot is given back once only', async () => {
      const semaphore = new Semaphore(1);
      const order: number[] = [];
      const release = await semaphore.acquire();
      const all = [1, 2, 3].map(async (number) => {
        const done = await semaphore.acquire();
        order.push(number);
        done();
      });
      release();
      release();
      await Promise.all(all);
      expect(order).toEqual([1, 2, 3]);
    });
  });

  describe('timeout', () => {
    it('ends what stands still, and says so', async () => {
      const service = timeout(
        faults(base, () => ({ kind: 'stall' })),
        { requestTimeoutMs: 20, idleTimeoutMs: 20 },
      );
      await expectCode(service.stat('a/b'), 'timeout');
      await expectCode(service.get('a/b'), 'timeout');
      await expectCode(service.put('a/c', bufferBody('x')), 'timeout');
    });

    it('ends a body that stands still', async () => {
      await base.put('a/long', bufferBody(randomBytes(1_000_000)));
      const service = timeout(
        faults(base, () => ({ kind: 'stall_body', afterBytes: 300_000 })),
        { idleTimeoutMs: 20 },
      );
      const { body } = await service.get('a/long');
      await expectCode(buffer(body), 'timeout');
    });

    it('says aborted, not timeout, when the caller gave up', async () => {
      const abort = new AbortController();
      const service = checked(timeout(faults(base, () => ({ kind: 'stall' }))));
      const waiting = expectCode(service.stat('a/b', { signal: abort.signal }), 'aborted');
      abort.abort();
      await waiting;
    });
  });

  describe('breaker', () => {
    it('opens after failures in a row, and closes when the store answers a probe', async () => {
      let asked = 0;
      let broken = true;
      const plan: FaultPlan = () => {
        asked += 1;
        return broken ? down : undefined;
      };
      const service = breaker(faults(base, plan), { failures: 3, openMs: 30 });
      for (let i = 0; i < 3; i += 1) await expectCode(service.stat('a/b'), 'unavailable');
      const refused = await expectCode(service.stat('a/b'), 'unavailable');
      expect([asked, refused.retry]).toEqual([3, 'exhausted']);
      broken = false;
      await expect
        .poll(() =>
          service
            .stat('a/b')
            .then((found) => found.sizeBytes)
            .catch(() => 'still open'),
        )
        .toBe(7);
    });

    it('does not count what a living store answers', async () => {
      const service = breaker(base, { failures: 2 });
      for (let i = 0; i < 5; i += 1) await expectCode(service.stat('a/absent'), 'not_found');
      expect((await service.stat('a/b')).sizeBytes).toBe(7);
    });

    it('counts stalls that the timeout ended', async () => {
      const service = timeout(
        breaker(
          faults(base, () => ({ kind: 'stall' })),
          { failures: 2, openMs: 60_000 },
        ),
        { requestTimeoutMs: 10 },
      );
      await expectCode(service.stat('a/b'), 'timeout');
      await expectCode(service.stat('a/b'), 'timeout');
      expect((await expectCode(service.stat('a/b'), 'unavailable')).detail).toContain('left alone');
    });
  });

  it('metrics tells every attempt and the bytes that moved', async () => {
    const events: StorageEvent[] = [];
    const bytes = { in: 0, out: 0 };
    let clock = 0;
    const observer = {
      onCall: (event: StorageEvent) => events.push(event),
      onBytes: (_provider: string, direction: 'in' | 'out', count: number) => {
        bytes[direction] += count;
      },
    };
    const measured = metrics(faults(base, faultSequence('stat', down)), observer, () => {
      clock += 5;
      return clock;
    });
    const service = retry(measured, instant);
    await service.stat('a/b');
    await readText(service, 'a/b');
    await service.put('a/c', bufferBody('12345'));
    expect(events.map(({ operation, outcome, durationMs }) => [operation, outcome, durationMs])).toEqual([
      ['stat', 'unavailable', 5],
      ['stat', 'ok', 5],
      ['get', 'ok', 5],
      ['put', 'ok', 5],
    ]);
    expect(bytes).toEqual({ in: 5, out: 7 });
  });

  describe('checked', () => {
    it.each<PutOptions>([
      { metadata: { Upper: 'x' } },
      { metadata: { 'a b': 'x' } },
      { metadata: { a: 'line\nbreak' } },
      { metadata: { a: 'käse' } },
      { metadata: { a: ' padded' } },
      { metadata: { a: 'x'.repeat(2048) } },
      { contentType: 'text/plain\r\nx-evil: 1' },
      { contentType: '' },
    ])('refuses what not every store can keep: %j', async (options) => {
      await expectCode(checked(base).put('a/c', bufferBody('x'), options), 'invalid_request');
    });

    it.each([0, -1, 604_801, Number.NaN, Number.POSITIVE_INFINITY])(
      'refuses an expiry of %d seconds',
      async (seconds) => {
        await expectCode(checked(base).presignGet('a/b', { expiresInSeconds: seconds }), 'invalid_request');
      },
    );

    it.each([0, 1001, 1.5, -1])('refuses a page of %d', async (wanted) => {
      await expectCode(checked(base).list('', { limit: wanted }), 'invalid_request');
    });

    it.each([{ start: -1 }, { start: 3, end: 3 }, { start: 0.5 }, { start: 5, end: 2 }])(
      'refuses the range %j',
      async (range) => {
        await expectCode(checked(base).get('a/b', { range }), 'invalid_request');
      },
    );
  });

  it('a retry that sleeps holds no slot', async () => {
    let otherPassed = false;
    const plan = faultSequence('stat', down);
    const service: StorageService = composeLayers(faults(base, plan), {
      limit: { maxRequests: 1 },
      retry: {
        sleep: async () => {
          await service.probe();
          otherPassed = true;
        },
      },
    });
    await service.stat('a/b');
    expect(otherPassed).toBe(true);
  });
});
