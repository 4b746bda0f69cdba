import { randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bufferBody } from '@/lib/streams/replayable-body.ts';
import { expectCode } from '@/tests/conformance/storage-service.ts';
import { type FilesystemTestStore, openFilesystemTestStore } from '@/tests/support/filesystem-store.ts';
import { attachmentDisposition, safeFileName } from './content-disposition.ts';
import { openSignedFile } from './open-signed-file.ts';
import { FileUrlSigner } from './signed-file-url.ts';

const KEY = 'u1/private/d1.jsonl.gz';

describe('signed files', () => {
  let store: FilesystemTestStore;
  let now = new Date('2026-01-02T03:04:05.600Z');
  let url: string;
  let etag: string;

  beforeAll(async () => {
    store = await openFilesystemTestStore(() => now);
    await store.service.put(KEY, bufferBody('0123456789'), { contentType: 'application/gzip' });
    await store.service.put('u1/private/empty', bufferBody(''));
    url = (await store.service.presignGet(KEY, { expiresInSeconds: 3600 })).url;
    etag = (await store.service.stat(KEY)).etag ?? '';
  });
  afterAll(() => store.close());

  const ask = async (headers: Record<string, string> = {}, method = 'GET', target = url) => {
    const answer = await openSignedFile(store.service, store.signer, {
      method,
      url: target,
      headers: new Headers(headers),
    });
    return { ...answer, text: answer.body === undefined ? undefined : await text(answer.body) };
  };
  const refusal = (target: string) =>
    ask({}, 'GET', target).then(
      () => 'opened',
      (error) => error.code,
    );

  it('are served with their length, type and tag', async () => {
    const answer = await ask();
    expect(answer).toMatchObject({ status: 200, text: '0123456789' });
    expect(answer.headers).toMatchObject({
      'Content-Length': '10',
      'Content-Type': 'application/gzip',
      'Accept-Ranges': 'bytes',
      'Last-Modified': 'Fri, 02 Jan 2026 03:04:05 GMT',
      'X-Content-Type-Options': 'nosniff',
      ETag: etag,
    });
  });

  it('answer HEAD with the same headers and no body', async () => {
    const [head, get] = [await ask({}, 'HEAD'), await ask()];
    expect(head.headers).toEqual(get.headers);
    expect(head.body).toBeUndefined();
  });

  it.each([
    ['bytes=0-3', 206, '0123', 'bytes 0-3/10'],
    ['bytes=4-', 206, '456789', 'bytes 4-9/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=-30', 206, '0123456789', 'bytes 0-9/10'],
    ['bytes=8-100', 206, '89', 'bytes 8-9/10'],
    ['bytes=10-', 416, undefined, 'bytes */10'],
    ['bytes=-0', 416, undefined, 'bytes */10'],
    ['bytes=5-2', 200, '0123456789', undefined],
    ['bytes=0-1,4-5', 200, '0123456789', undefined],
    ['bytes=-', 200, '0123456789', undefined],
    ['lines=0-3', 200, '0123456789', undefined],
  ])('answer the range %s with %i', async (range, status, body, contentRange) => {
    const answer = await ask({ range });
    expect([answer.status, answer.text, answer.headers['Content-Range']]).toEqual([status, body, contentRange]);
  });

  it('honour If-Range', async () => {
    expect((await ask({ range: 'bytes=0-3', 'if-range': etag })).status).toBe(206);
    expect((await ask({ range: 'bytes=0-3', 'if-range': '"other"' })).status).toBe(200);
    expect((await ask({ range: 'bytes=0-3', 'if-range': 'Fri, 02 Jan 2026 03:04:05 GMT' })).status).toBe(206);
    expect((await ask({ range: 'bytes=0-3', 'if-range': 'Fri, 02 Jan 2026 03:04:04 GMT' })).status).toBe(200);
  });

  it.each([
    [() => ({ 'if-none-match': etag }), 304],
    [() => ({ 'if-none-match': `"x", W/${etag}` }), 304],
    [() => ({ 'if-none-match': '*' }), 304],
    [() => ({ 'if-none-match': '"x"' }), 200],
    [() => ({ 'if-none-match': '"x"', 'if-modified-since': 'Fri, 02 Jan 2026 03:04:05 GMT' }), 200],
    [() => ({ 'if-modified-since': 'Fri, 02 Jan 2026 03:04:05 GMT' }), 304],
    [() => ({ 'if-modified-since': 'Fri, 02 Jan 2026 03:04:04 GMT' }), 200],
    [() => ({ 'if-modified-since': 'yesterday' }), 200],
    [() => ({ 'if-match': etag }), 200],
    [() => ({ 'if-match': '"x"' }), 412],
    [() => ({ 'if-unmodified-since': 'Fri, 02 Jan 2026 03:04:04 GMT' }), 412],
    [() => ({ 'if-unmodified-since': 'Fri, 02 Jan 2026 03:04:05 GMT' }), 200],
  ])('honour condition %#', async (makeHeaders, status) => {
    const answer = await ask(makeHeaders());
    expect(answer.status).toBe(status);
    if (status !== 200) expect(answer.body).toBeUndefined();
  });

  it('refuse other methods, and say which are allowed', async () => {
    expect(await ask({}, 'DELETE')).toMatchObject({ status: 405, headers: { Allow: 'GET, HEAD' } });
  });

  it('are served when empty', async () => {
    const { url: emptyUrl } = await store.service.presignGet('u1/private/empty', { expiresInSeconds: 60 });
    expect(await ask({}, 'GET', emptyUrl)).toMatchObject({ status: 200, text: '' });
    expect(await ask({ range: 'bytes=0-0' }, 'GET', emptyUrl)).toMatchObject({ status: 416 });
  });

  it('end exactly when they say', async () => {
    const before = now;
    const signed = await store.service.presignGet(KEY, { expiresInSeconds: 10 });
    expect(signed.expiresAt.toISOString()).toBe('2026-01-02T03:04:15.000Z');
    now = new Date(signed.expiresAt.getTime() - 1);
    expect(await refusal(signed.url)).toBe('opened');
    now = signed.expiresAt;
    expect(await refusal(signed.url)).toBe('signed_url_expired');
    expect(await refusal(signed.url.replace('signature=', 'signature=x'))).toBe('signed_url_invalid');
    now = before;
  });

  it('say not_found for an object that is gone', async () => {
    const { url: gone } = await store.service.presignGet('u1/private/gone', { expiresInSeconds: 60 });
    await expectCode(ask({}, 'GET', gone), 'not_found');
  });

  it('open with old keys until these are dropped, and sign with the newest', () => {
    const [first, second] = [
      { id: 'first', secret: randomBytes(32) },
      { id: 'second', secret: randomBytes(32) },
    ] as const;
    const options = { publicUrl: 'https://x.test/', now: () => now };
    const old = new FileUrlSigner({ ...options, keys: [first] }).sign(KEY, { expiresInSeconds: 60 });
    const rotated = new FileUrlSigner({ ...options, keys: [second, first] });
    expect(rotated.verify(old.url).key).toBe(KEY);
    expect(rotated.sign(KEY, { expiresInSeconds: 60 }).url).toContain('key=second');
    const dropped = new FileUrlSigner({ ...options, keys: [second] });
    expect(() => dropped.verify(old.url)).toThrow('not valid');
    const renamed = new FileUrlSigner({ ...options, keys: [{ ...second, id: 'first' }] });
    expect(() => renamed.verify(old.url)).toThrow('not valid');
  });

  it('are refused when any letter is changed', () => {
    const signed = store.signer.sign(KEY, { expiresInSeconds: 60, filename: 'my data.jsonl.gz' }).url;
    const start = signed.indexOf('/files/') + '/files/'.length;
    fc.assert(
      fc.property(
        fc.integer({ min: start, max: signed.length - 1 }),
        fc.constantFrom(...'aZ05-_&=%/.'),
        (at, letter) => {
          const changed = `${signed.slice(0, at)}${letter}${signed.slice(at + 1)}`;
          if (sameMeaning(changed, signed)) return true;
          expect(() => store.signer.verify(changed)).toThrow('not valid');
        },
      ),
      { numRuns: 500 },
    );
  });

  it.each(['', '/', '/files/', '/files/%zz?expires=1', '/other/u1', 'http://files.test/files/a?expires=-1'])(
    'refuse %j',
    (target) => {
      expect(() => store.signer.verify(target)).toThrow('not valid');
    },
  );

  it('are signed with strong keys only', () => {
    const make = (id: string, bytes: number) =>
      new FileUrlSigner({ publicUrl: 'http://x', keys: [{ id, secret: randomBytes(bytes) }] });
    expect(() => make('k', 31)).toThrow();
    expect(() => make('k\n', 32)).toThrow();
    expect(() => make('', 32)).toThrow();
  });
});

describe('attachmentDisposition', () => {
  it('is one safe header line for any name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const header = attachmentDisposition(name);
        expect(header).toMatch(
          /^attachment; filename="[\x20\x21\x23-\x5b\x5d-\x7e]+"(; filename\*=UTF-8''[\w!#$&+.^`|~%-]+)?$/,
        );
        expect(safeFileName(name)).not.toMatch(/[/\\]/);
      }),
    );
  });

  it('keeps ordinary names and spells the others', () => {
    expect(attachmentDisposition('chat data.jsonl.gz')).toBe('attachment; filename="chat data.jsonl.gz"');
    expect(attachmentDisposition('../../é.gz')).toBe(`attachment; filename="_.gz"; filename*=UTF-8''%C3%A9.gz`);
    expect(safeFileName('..')).toBe('download');
    expect(safeFileName('x'.repeat(500))).toHaveLength(150);
  });
});

/** Different spellings of one URL: the parser sees no difference, so neither can the signature. */
function sameMeaning(a: string, b: string): boolean {
  const [left, right] = [new URL(a), new URL(b)];
  const path = (url: URL) => {
    try {
      return decodeURIComponent(url.pathname.replace(/%(?![0-9a-f]{2})/gi, '%25'));
    } catch {
      // Not UTF-8: it means what it says.
      return url.pathname;
    }
  };
  const fields = (url: URL) =>
    ['expires', 'key', 'filename', 'signature'].map((name) => url.searchParams.get(name)).join('\n');
  return path(left) === path(right) && fields(left) === fields(right);
}
