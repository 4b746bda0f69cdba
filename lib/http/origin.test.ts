import { describe, expect, test } from 'vitest';
import { requireOwnOrigin } from './origin.ts';

const request = (headers: Record<string, string>, method = 'POST') =>
  new Request('http://localhost:3000/api/keys', { method, headers });
const refused = (headers: Record<string, string>, method?: string, publicOrigin?: string) => {
  try {
    requireOwnOrigin(request(headers, method), publicOrigin);
    return false;
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe('a change that a browser sends', () => {
  test.each([
    ['own origin', { origin: 'http://localhost:3000' }],
    ['no origin, but the browser says same-origin', { 'sec-fetch-site': 'same-origin' }],
    ['a form whose referrer is hidden', { origin: 'null', 'sec-fetch-site': 'same-origin' }],
  ])('passes with %s', (_, headers) => {
    expect(refused(headers)).toBe(false);
  });

  test.each([
    ['another site', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    ['another port of this host', { origin: 'http://localhost:5173', 'sec-fetch-site': 'same-site' }],
    ['another scheme', { origin: 'https://localhost:3000' }],
    ['a sandboxed frame', { origin: 'null', 'sec-fetch-site': 'cross-site' }],
    ['nothing that shows where it came from', {}],
    [
      'a foreign origin that claims to be the same',
      { origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' },
    ],
  ])('is refused from %s', (_, headers) => {
    expect(refused(headers)).toBe('foreign_origin');
  });

  test('reading needs no origin', () => {
    for (const method of ['GET', 'HEAD', 'OPTIONS']) expect(refused({}, method)).toBe(false);
    for (const method of ['PUT', 'PATCH', 'DELETE']) expect(refused({}, method)).toBe('foreign_origin');
  });

  test('behind a proxy the configured address counts too', () => {
    expect(refused({ origin: 'https://data.example' }, 'POST', 'https://data.example')).toBe(false);
  });
});
