import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatTable, progressLine } from './terminal.ts';

describe('formatTable', () => {
  it('pads to the widest cell and sets numbers right', () => {
    expect(
      formatTable(
        ['name', 'size'],
        [
          ['a', '1 B'],
          ['longer', '10 KiB'],
        ],
        [1],
      ),
    ).toEqual(['name      size', 'a          1 B', 'longer  10 KiB']);
  });
});

describe('progressLine', () => {
  it('never grows past the terminal', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.nat(),
        fc.nat(),
        fc.nat(),
        fc.integer({ min: 20, max: 200 }),
        (label, done, total, rate, columns) => {
          expect(progressLine(label, Math.min(done, total), total, rate, columns).length).toBeLessThanOrEqual(columns);
        },
      ),
    );
  });
});
