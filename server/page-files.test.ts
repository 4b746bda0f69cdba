import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Page, PageFiles } from './page-files.ts';

describe('the page', () => {
  let folder = '';
  let page: Page;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longshore-page-'));
    await mkdir(join(folder, 'assets'));
    await writeFile(join(folder, 'index.html'), '<!doctype html><title>page</title>');
    await writeFile(join(folder, 'favicon.svg'), '<svg/>');
    await writeFile(join(folder, 'assets/main-abc.js'), 'run()');
    await writeFile(join(folder, 'assets/main-abc.js.gz'), gzipSync('run()'));
    page = await PageFiles.load(folder);
  });
  afterAll(() => rm(folder, { recursive: true }));

  const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    page(new Request(new URL(path, 'http://localhost'), { headers, method }));

  test('hashed files are kept for ever, the document is asked for each time', async () => {
    const script = await get('/assets/main-abc.js');
    expect(script?.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(script?.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    const document = await get('/');
    expect(document?.headers.get('cache-control')).toBe('no-cache');
    const again = await get('/', { 'if-none-match': document?.headers.get('etag') ?? '' });
    expect(again?.status).toBe(304);
  });

  test('compressed where the build did and the browser can', async () => {
    const accepts = (encoding: string) => get('/assets/main-abc.js', { 'accept-encoding': encoding });
    expect((await accepts('gzip, br'))?.headers.get('content-encoding')).toBe('gzip');
    expect((await accepts('gzip;q=0, br'))?.headers.get('content-encoding')).toBeNull();
    expect(await (await accepts('identity'))?.text()).toBe('run()');
    expect((await accepts('gzip'))?.headers.get('vary')).toBe('Accept-Encoding');
  });

  test('addresses of screens get the document; files and API paths that are not there do not', async () => {
    for (const path of ['/', '/datasets', '/datasets/01a2'])
      expect(await (await get(path))?.text()).toContain('<title>page');
    for (const path of ['/assets/gone.js', '/robots.txt', '/api/nothing', '/files/x', '/assets/main-abc.js.gz']) {
      expect(await get(path)).toBeUndefined();
    }
    for (const path of ['/../../etc/passwd', '/..%2f..%2fpackage.json', '/%2e%2e/package.json']) {
      expect((await (await get(path))?.text()) ?? '').not.toContain('root:');
    }
    expect(await get('/datasets', {}, 'POST')).toBeUndefined();
  });

  test('HEAD has the length and no body', async () => {
    const head = await get('/favicon.svg', {}, 'HEAD');
    expect([head?.headers.get('content-length'), await head?.text()]).toEqual(['6', '']);
  });

  test('where nothing was built, says how to', async () => {
    const unbuilt = await PageFiles.load(join(folder, 'nowhere'));
    const response = await unbuilt(new Request('http://localhost/datasets'));
    expect(response?.status).toBe(503);
    expect(await response?.text()).toContain('npm run build');
    expect(response?.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(await unbuilt(new Request('http://localhost/api/x'))).toBeUndefined();
  });
});
