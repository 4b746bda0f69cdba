import { Hono } from 'hono';
import { describe, expect, test } from 'vitest';
import type { RouteHandler } from '@/lib/http/endpoint.ts';
import { problemResponse } from '@/lib/http/problem.ts';
import { mountRoutes, type RouteModule, routesOf } from './file-router.ts';
import { patternOf } from './route-pattern.ts';

const says =
  (name: string): RouteHandler =>
  async (request, { params }) =>
    Response.json({ name, method: request.method, params: await params });

function appOf(modules: Record<string, RouteModule>): Hono {
  const app = new Hono();
  mountRoutes(app, routesOf(modules));
  app.onError((error) => problemResponse(error, 'test'));
  return app;
}

describe('route files', () => {
  test.each([
    ['api/keys/route.js', '/api/keys'],
    ['(root)/healthz/route.js', '/healthz'],
    ['api/keys/[id]/route.ts', '/api/keys/[id]'],
    ['(root)/files/[...path]/route.js', '/files/[...path]'],
    ['route.js', '/'],
  ])('%s answers at %s', (file, path) => {
    expect(patternOf(file).path).toBe(path);
  });

  const app = appOf({
    'api/users/[id]/route.js': { GET: says('one') },
    'api/users/me/route.js': { GET: says('me') },
    'api/[...rest]/route.js': { GET: says('rest') },
    'api/users/[id]/keys/[key]/route.js': { GET: says('nested'), DELETE: says('nested') },
    'api/quiet/route.js': { POST: says('quiet') },
  });
  const get = async (path: string) => (await app.request(path)).json();

  test('the most exact one wins, whatever the order of the files', async () => {
    expect(await get('/api/users/me')).toMatchObject({ name: 'me', params: {} });
    expect(await get('/api/users/7')).toMatchObject({ name: 'one', params: { id: '7' } });
    expect(await get('/api/users/7/other')).toMatchObject({ name: 'rest', params: { rest: ['users', '7', 'other'] } });
    expect(await get('/api/users/7/keys/k')).toMatchObject({ name: 'nested', params: { id: '7', key: 'k' } });
  });

  test('parameters are decoded once, and cannot reach another segment', async () => {
    expect(await get('/api/users/a%20b')).toMatchObject({ params: { id: 'a b' } });
    expect(await get('/api/users/a%252Fb')).toMatchObject({ params: { id: 'a%2Fb' } });
    expect(await get('/api/users/me%2Fkeys')).toMatchObject({ name: 'one', params: { id: 'me/keys' } });
  });

  test('HEAD comes from GET, without its body', async () => {
    const response = await app.request('/api/users/7', { method: 'HEAD' });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json']);
    expect(await response.text()).toBe('');
  });

  test('what a file does not export is 405 with what it does', async () => {
    const response = await app.request('/api/users/7/keys/k', { method: 'PATCH' });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD, DELETE, OPTIONS']);
    expect(await response.json()).toMatchObject({ code: 'method_not_allowed' });
    expect((await app.request('/api/quiet', { method: 'HEAD' })).status).toBe(405);
    expect((await app.request('/api/quiet', { method: 'TRACKED' })).status).toBe(405);
  });

  test('OPTIONS tells what is allowed', async () => {
    const response = await app.request('/api/quiet', { method: 'OPTIONS' });
    expect([response.status, response.headers.get('allow')]).toEqual([204, 'POST, OPTIONS']);
  });
});
