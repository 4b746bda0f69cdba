import { expect, test } from 'vitest';
import { newId } from './ids.ts';

test('ids are version 7 UUIDs that carry their time', () => {
  const id = newId(0x0123_4567_89ab);
  expect(id).toMatch(/^01234567-89ab-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('ids made in one millisecond, and while the clock steps back, still sort in the order of making', () => {
  const now = Date.now() + 1_000_000;
  const ids = Array.from({ length: 5000 }, (_, index) => newId(index % 7 === 0 ? now - 500 : now));
  expect([...ids].sort()).toEqual(ids);
  expect(new Set(ids).size).toBe(ids.length);
});
