import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { newCredential } from '@/lib/accounts/credential.ts';
import { JobTokens } from '@/lib/accounts/job-tokens.ts';
import { secretsIn } from './traces.ts';

const token = new JobTokens(randomBytes(32)).issue({
  jobId: 'job',
  userId: 'user',
  attempt: 1,
  expiresAt: new Date(4_000_000_000_000),
});

test.each([
  ['an API key', newCredential('ls')],
  ['a session', newCredential('lss')],
  ['a job token', token],
  ['a presigned URL', `https://b.s3.amazonaws.com/k?X-Amz-Signature=${'0f'.repeat(32)}`],
  [
    'a signed file URL',
    `/files/objects/u/private/d.jsonl.gz?expires=1&signature=${randomBytes(32).toString('base64url')}`,
  ],
  ['a JWT', `eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.${randomBytes(32).toString('base64url')}`],
  ['a credential by its value', 'a-credential-by-its-value'],
])('finds %s in a log and does not repeat it', (_what, secret) => {
  const findings = secretsIn(`{"msg":"request","path":"${secret}"}\n`, ['a-credential-by-its-value']);
  expect(findings.length).toBeGreaterThan(0);
  expect(findings.join()).not.toContain(secret);
});

test('the sign-in link of the start is for the person at the terminal', () => {
  const line = `  Sign in (a link that works once, within an hour): http://h/signin?key=${newCredential('lsl')}\n`;
  expect(secretsIn(line, [])).toEqual([]);
  expect(secretsIn(`{"path":"/signin?key=${newCredential('lsl')}"}`, [])).toHaveLength(1);
});

test('what identifies without opening anything may be logged', () => {
  expect(secretsIn(`{"dataset":"01a20a4c-b5f4-7001-95a4-0a4998cabe4a","sha256":"${'ab'.repeat(32)}"}`, [])).toEqual([]);
});
