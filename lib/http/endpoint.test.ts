import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { QueryError } from '@/lib/db/query-error.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import { testApplication } from '@/tests/support/application.ts';
import { endpoint } from './endpoint.ts';
import type { Problem } from './problem.ts';
import { json } from './responses.ts';

const application = testApplication();
const call: typeof application.call = (handler, request) => application.call(handler, request);
const problemOf = async (response: Response) => (await response.json()) as Problem;
const throwing = (error: unknown) =>
  endpoint({ auth: 'none', summary: 'fails' }, () => {
    throw error;
  });

describe('errors become problems', () => {
  test('a known code has its status, and its details beside the standard fields', async () => {
    const error = new LongshoreError('body_too_large', 'Too big.', { hint: 'Less.', details: { limit_bytes: 7 } });
    const response = await call(throwing(error), { path: '/x', headers: { 'x-request-id': 'given-id-1' } });
    expect(response.status).toBe(413);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(response.headers.get('x-request-id')).toBe('given-id-1');
    expect(await problemOf(response)).toEqual({
      type: 'urn:longshore:problem:body_too_large',
      title: 'Too large',
      status: 413,
      code: 'body_too_large',
      detail: 'Too big.',
      hint: 'Less.',
      request_id: 'given-id-1',
      limit_bytes: 7,
    });
  });

  test('details cannot overwrite what the problem says', async () => {
    const error = new LongshoreError('not_found', 'Gone.', { details: { status: 200, code: 'fine', request_id: 'x' } });
    expect(await problemOf(await call(throwing(error), { path: '/x' }))).toMatchObject({
      status: 404,
      code: 'not_found',
    });
  });

  test.each([
    ['an unknown error', new Error('connect to 10.0.0.7 as root failed')],
    ['a thrown string', 'password hunter2'],
    ['a code without a status', new LongshoreError('some_internal_state', 'row 7 of shard 3')],
  ])('%s is 500 and shows nothing', async (_, error) => {
    const response = await call(throwing(error), { path: '/x' });
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({ code: 'internal_error' });
    expect(text).not.toMatch(/10\.0\.0\.7|hunter2|shard/);
  });

  test('a failing store says which, without its words, and when to come back', async () => {
    const context = { provider: 's3', operation: 'put', detail: 'host 10.0.0.8', retryAfterMs: 1500 } as const;
    const response = await call(throwing(new StorageError('rate_limited', context)), { path: '/x' });
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('2');
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({ code: 'storage_rate_limited', provider: 's3' });
    expect(text).not.toContain('10.0.0.8');
  });

  test.each([
    ['a deadlock', '40P01', 503],
    ['a statement that took too long', '57014', 503],
    ['a wrong statement', '42703', 500],
  ])('of the database: %s', async (_, sqlState, status) => {
    const error = new QueryError('select secret_column', sqlState, new Error('secret_value'));
    const response = await call(throwing(error), { path: '/x' });
    expect([response.status, /secret/.test(await response.text())]).toEqual([status, false]);
    expect(response.headers.get('retry-after')).toBe(status === 503 ? '2' : null);
  });

  test('a request id that could break a log or a header is replaced', async () => {
    for (const id of ['short', 'x'.repeat(65), 'with space here', 'a"quote"inside']) {
      const response = await call(throwing(new Error()), { path: '/x', headers: { 'x-request-id': id } });
      expect(response.headers.get('x-request-id')).toMatch(/^[A-Za-z0-9_-]{10,}$/);
      expect(response.headers.get('x-request-id')).not.toBe(id);
    }
  });
});

describe('requests are checked', () => {
  const echo = endpoint(
    {
      auth: 'user',
      summary: 'echoes',
      query: z.object({ n: z.coerce.number().int().max(5).default(1) }),
      body: z.strictObject({ name: z.string().min(2), tags: z.array(z.string()) }),
      maxBodyBytes: 200,
    },
    ({ query, body, params, user }) => json({ query, body, params, user: user.userId }),
  );
  const post = (request: Partial<Parameters<typeof call>[1]>) => call(echo, { method: 'POST', path: '/x', ...request });

  test('query, body and parameters arrive parsed', async () => {
    const response = await post({
      path: '/x?n=3&other=1',
      json: { name: 'ab', tags: [] },
      params: { id: 'a', rest: ['b', 'c'] },
    });
    expect(await response.json()).toEqual({
      query: { n: 3 },
      body: { name: 'ab', tags: [] },
      params: { id: 'a', rest: 'b/c' },
      user: 'local',
    });
  });

  test('every fault of a body is listed', async () => {
    const response = await post({ json: { name: 'a', tags: 'none', extra: 1 } });
    expect(response.status).toBe(400);
    const problem = await problemOf(response);
    expect(problem.code).toBe('invalid_request');
    expect(problem.errors).toMatchObject([{ path: '$.name' }, { path: '$.tags' }, { path: '$' }]);
  });

  test.each([
    ['no JSON type', { body: '{}', headers: { 'content-type': 'text/plain' } }, 415, 'unsupported_media_type'],
    ['broken JSON', { body: '{', headers: { 'content-type': 'application/json' } }, 400, 'invalid_json'],
    [
      'broken UTF-8',
      { body: Buffer.from([0x22, 0xff, 0x22]), headers: { 'content-type': 'application/json' } },
      400,
      'invalid_json',
    ],
    ['a long body', { json: { name: 'x'.repeat(500), tags: [] } }, 413, 'body_too_large'],
    ['a wrong query', { path: '/x?n=9', json: { name: 'ab', tags: [] } }, 400, 'invalid_request'],
  ])('%s is refused', async (_, request, status, code) => {
    const response = await post(request);
    expect([response.status, (await problemOf(response)).code]).toEqual([status, code]);
  });

  test('a body without a length is cut off at the limit, not read to its end', async () => {
    let pulled = 0;
    const endless = new ReadableStream({
      pull(controller) {
        pulled += 1;
        controller.enqueue(new Uint8Array(100));
      },
    });
    const response = await post({ body: endless, headers: { 'content-type': 'application/json' } });
    expect(response.status).toBe(413);
    expect(pulled).toBeLessThan(100);
  });
});

describe('job endpoints', () => {
  const pull = endpoint({ auth: 'job', summary: 'for a job' }, ({ job }) => json(job));
  const issue = (jobId: string, ms = 60_000) =>
    application.app.accounts.jobTokens.issue({ jobId, userId: 'u1', attempt: 1, expiresAt: new Date(Date.now() + ms) });

  test('open for the token of this very job only', async () => {
    const request = { path: '/x', params: { id: 'job-1' } };
    expect(await (await call(pull, { ...request, key: issue('job-1') })).json()).toMatchObject({
      jobId: 'job-1',
      userId: 'u1',
    });
    expect((await call(pull, { ...request, key: issue('job-2') })).status).toBe(403);
    expect((await problemOf(await call(pull, { ...request, key: issue('job-1', -1) }))).code).toBe('token_expired');
    expect((await call(pull, { ...request, key: null })).status).toBe(401);
    expect((await call(pull, request)).status).toBe(401);
  });

  test('a changed token is refused, and a job token is no user', async () => {
    const token = issue('job-1');
    const [body = '', signature = ''] = token.split('.');
    const other = Buffer.from(JSON.stringify(['job-1', 'u2', 9_999_999_999])).toString('base64url');
    for (const forged of [
      `lsj_${other}.${signature}`,
      `${body}.${signature.replace(/^./, (c) => (c === 'A' ? 'B' : 'A'))}`,
    ]) {
      expect((await call(pull, { path: '/x', params: { id: 'job-1' }, key: forged })).status).toBe(401);
    }
    const asUser = endpoint({ auth: 'user', summary: 'x' }, () => json({}));
    expect((await call(asUser, { path: '/x', key: token })).status).toBe(401);
  });
});
