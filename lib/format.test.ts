import { describe, expect, it } from 'vitest';
import { formatBytes, formatCount, formatSeconds } from './format.ts';

describe('format', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1536, '1.5 KiB'],
    [268_435_456, '256 MiB'],
    [5 * 1024 ** 4, '5.0 TiB'],
  ])('writes %d bytes as %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it.each([
    [0.4, '0s'],
    [59.6, '1m 00s'],
    [125, '2m 05s'],
    [11_530, '3h 12m'],
  ])('writes %d seconds as %s', (seconds, text) => expect(formatSeconds(seconds)).toBe(text));

  it('groups thousands', () => expect(formatCount(1_234_567)).toBe('1,234,567'));
});
