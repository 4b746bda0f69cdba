import { expect, test } from 'vitest';
import { SignInLimit } from './sign-in-limit.ts';

const outcome = (limit: SignInLimit, address: string) => {
  try {
    limit.check(address);
    return 'free';
  } catch (error) {
    return (error as { details: { retry_after_seconds: number } }).details.retry_after_seconds;
  }
};

test('after ten failures an address waits a minute, others do not', () => {
  let now = 0;
  const limit = new SignInLimit(() => now);
  for (let i = 0; i < 9; i++) limit.failed('a');
  expect(outcome(limit, 'a')).toBe('free');
  limit.failed('a');
  expect([outcome(limit, 'a'), outcome(limit, 'b')]).toEqual([60, 'free']);
  now = 59_000;
  expect(outcome(limit, 'a')).toBe(1);
  now = 60_001;
  expect(outcome(limit, 'a')).toBe('free');
});

test('failures long ago do not add up', () => {
  let now = 0;
  const limit = new SignInLimit(() => now);
  for (let i = 0; i < 100; i++) {
    limit.failed('a');
    now += 61_000;
  }
  expect(outcome(limit, 'a')).toBe('free');
});

test('a flood of addresses does not grow it without bound', () => {
  const limit = new SignInLimit(() => 0);
  for (let i = 0; i < 10; i++) limit.failed('first');
  for (let i = 0; i < 10_000; i++) limit.failed(`address ${i}`);
  expect(outcome(limit, 'first')).toBe('free');
});
