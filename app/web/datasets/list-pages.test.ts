import { expect, test } from 'vitest';
import type { Dataset } from '../shared/api/types.ts';
import { idsIn, withFresh } from './list-pages.ts';

const row = (id: string, name = id) => ({ id, name }) as Dataset;
const pages = [
  { datasets: [row('a'), row('b')], next_cursor: 'x' },
  { datasets: [row('c')], next_cursor: null },
];

test('rows that changed stand where they stood, those that are gone are left out, cursors stay', () => {
  expect([...idsIn(pages)]).toEqual(['a', 'b', 'c']);
  expect(withFresh(pages, ['a', 'c'], [row('c', 'new')])).toEqual([
    { datasets: [row('b')], next_cursor: 'x' },
    { datasets: [row('c', 'new')], next_cursor: null },
  ]);
});
