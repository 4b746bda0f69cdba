import { describe, expect, test } from 'vitest';
import { REDACTED, redact, redactText } from './redact.ts';

describe('text', () => {
  test.each([
    ['a signed S3 URL', 'GET https://b.s3.amazonaws.com/k?X-Amz-Signature=abc123&X-Amz-Credential=AK failed', 'abc123'],
    ['a signed file path', 'request /files/local/a.gz?expires=1&signature=s3cr3t', 's3cr3t'],
    ['a sign-in path', '/signin?key=lsl_0123456789abcdef0123', 'lsl_0123'],
    ['an API key', 'key ls_Ar0bCm7XEpQuOy11ZUdCOuxykxgjPmL_mY7ocxiKmV4 refused', 'Ar0bCm7'],
    ['a job token', 'token lsj_eyJqb2IiOiJ4In0.c2lnbmF0dXJlc2lnbmF0dXJl', 'eyJqb2'],
    ['a bearer header', 'authorization: Bearer abcdef0123456789', 'abcdef0123456789'],
    ['a JWT', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl was sent', 'eyJzdWIi'],
    ['an AWS access key id', 'AKIAIOSFODNN7EXAMPLE is unknown', 'AKIAIOSFODNN7'],
    ['a database password', 'postgres://longshore:hunter2@db:5432/x refused', 'hunter2'],
    ['a hugging face token', 'hf_abcdefghijklmnopqrstuvwx', 'abcdefghij'],
    ['a named secret', 'secret_access_key=wJalrXUtnFEMI/K7MDENG', 'wJalrXUt'],
  ])('%s is removed', (_, text, secret) => {
    expect(text).toContain(secret);
    expect(redactText(text)).not.toContain(secret);
    expect(redactText(text)).toContain(REDACTED);
  });

  test.each([
    'GET /api/training/dataset/01a209c5-99a4-700f-b767-89e7ff660ff7 200',
    'https://s3.example.org/bucket/local/datasets/a.jsonl.gz is missing',
    'sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  ])('%s stays as it is', (text) => {
    expect(redactText(text)).toBe(text);
  });
});

describe('objects', () => {
  test('secret fields go by name at any depth, harmless ones stay', () => {
    const fields = {
      headers: { Authorization: 'x', Cookie: 'a=b', 'content-type': 'text/plain' },
      secret: { api_key: 'k', metadata: { aws: { secret_access_key: 's', s3_bucket: 'sets' } } },
      key_id: '0123',
      object_key: 'local/datasets/a',
      last_four: 'abcd',
    };
    expect(redact(fields)).toEqual({
      headers: { Authorization: REDACTED, Cookie: REDACTED, 'content-type': 'text/plain' },
      secret: REDACTED,
      key_id: '0123',
      object_key: 'local/datasets/a',
      last_four: 'abcd',
    });
  });

  test('errors keep name, code and causes, without what their messages carry', () => {
    const cause = Object.assign(new Error('GET https://b.example/k?sig=abcdef failed'), { code: 'ECONNRESET' });
    const plain = redact(new Error('outer', { cause }));
    expect(plain).toMatchObject({ name: 'Error', message: 'outer', cause: { code: 'ECONNRESET' } });
    expect(JSON.stringify(plain)).not.toContain('abcdef');
  });

  test('bytes, cycles and crowds are cut short', () => {
    const cycle: Record<string, unknown> = { bytes: Buffer.alloc(1000) };
    cycle.self = cycle;
    const text = JSON.stringify(redact({ cycle, many: Array.from({ length: 5000 }, (_, i) => i) }));
    expect(text.length).toBeLessThan(2000);
    expect(text).toContain('[1000 bytes]');
  });
});
