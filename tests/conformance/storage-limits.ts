import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { bufferBody } from '@/lib/streams/replayable-body.ts';
import { type ContractBench, expectAbsent, expectCode, flipLetters, listAll, readText } from './storage-bench.ts';

/** Signed URLs, and what a store refuses. */
export function describeLimits(bench: ContractBench): void {
  describe('signed URLs', () => {
    const bytes = randomBytes(200_000);
    let key: string;

    beforeAll(async () => {
      key = bench.newKey();
      await bench.service.put(key, bufferBody(bytes), { contentType: 'application/gzip' });
    });

    it('open the object without credentials, until the time they say', async () => {
      const before = Date.now();
      const { url, expiresAt } = await bench.service.presignGet(key, { expiresInSeconds: 600 });
      const response = await bench.harness.fetchSigned(url);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe('application/gzip');
      expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
      expect(expiresAt.getTime()).toBeGreaterThan(before + 590_000);
      expect(expiresAt.getTime()).toBeLessThanOrEqual(Date.now() + 601_000);
    });

    it('serve ranges', async () => {
      const { url } = await bench.service.presignGet(key, { expiresInSeconds: 60 });
      const response = await bench.harness.fetchSigned(url, { headers: { range: 'bytes=1000-1999' } });
      expect(response.status).toBe(206);
      expect(Buffer.from(await response.arrayBuffer()).equals(bytes.subarray(1000, 2000))).toBe(true);
    });

    it('suggest a file name', async () => {
      const { url } = await bench.service.presignGet(key, { expiresInSeconds: 60, filename: '../é "chat".jsonl.gz' });
      const response = await bench.harness.fetchSigned(url);
      await response.arrayBuffer();
      expect(response.status).toBe(200);
      const disposition = response.headers.get('content-disposition') ?? '';
      expect(disposition).toContain('attachment');
      expect(disposition).toContain('.jsonl.gz');
      expect(disposition).not.toContain('../');
    });

    it('open nothing when a letter of them is changed', async () => {
      const { url } = await bench.service.presignGet(key, { expiresInSeconds: 60 });
      const other = bench.newKey();
      await bench.service.put(other, bufferBody('not for you'));
      const [path = '', query = ''] = url.split('?');
      for (const changed of [`${path.replace(key, other)}?${query}`, path, `${path}?${flipLetters(query)}`]) {
        const response = await bench.harness.fetchSigned(changed);
        expect(response.status).toBeGreaterThanOrEqual(400);
        expect(await response.text()).not.toContain('not for you');
      }
    });

    it('open keys with every allowed character', async () => {
      const odd = `${bench.prefix}/odd/a b+c=d&e@f$g,h;i:j!k'l(m)n*o?p.gz`;
      await bench.service.put(odd, bufferBody('odd but fine'));
      expect(await readText(bench.service, odd)).toBe('odd but fine');
      const { url } = await bench.service.presignGet(odd, { expiresInSeconds: 60 });
      expect(await (await bench.harness.fetchSigned(url)).text()).toBe('odd but fine');
      expect((await listAll(bench.service, `${bench.prefix}/odd/`)).map((object) => object.key)).toEqual([odd]);
      await bench.service.delete(odd);
      await expectAbsent(bench.service, odd);
    });
  });

  describe('refusals', () => {
    const hostile = [
      '',
      '/',
      '/etc/passwd',
      '..',
      '../x',
      'a/../b',
      'a/./b',
      'a//b',
      'a/',
      'a\\b',
      'a\0b',
      'a\nb',
      'a~b',
      '~store.json',
      'ключ',
      'a%2e%2e/b',
      `a/${'x'.repeat(181)}`,
      'x/'.repeat(500).concat('y'),
    ];

    it.each(hostile)('refuses the key %j in every operation', async (key) => {
      await expectCode(bench.service.put(key, bufferBody('x')), 'invalid_request');
      await expectCode(bench.service.get(key), 'invalid_request');
      await expectCode(bench.service.stat(key), 'invalid_request');
      await expectCode(bench.service.delete(key), 'invalid_request');
      await expectCode(bench.service.presignGet(key, { expiresInSeconds: 60 }), 'invalid_request');
    });

    it.each(['../', 'a/../', '/', 'a//', 'a\0'])('refuses the prefix %j', async (bad) => {
      await expectCode(bench.service.list(bad), 'invalid_request');
    });
  });

  describe('the store itself', () => {
    it('answers a probe', async () => {
      await bench.service.probe();
    });

    it('says bucket_not_found, never not_found, when the bucket is not there', async () => {
      const gone = bench.harness.missingBucket;
      const key = bench.newKey();
      await expectCode(gone.probe(), 'bucket_not_found');
      await expectCode(gone.put(key, bufferBody('x')), 'bucket_not_found');
      await expectCode(gone.get(key), 'bucket_not_found');
      await expectCode(gone.stat(key), 'bucket_not_found');
      await expectCode(gone.list(''), 'bucket_not_found');
      await expectCode(gone.delete(key), 'bucket_not_found');
    });
  });
}
