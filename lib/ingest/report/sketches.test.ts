import { describe, expect, it } from 'vitest';
import { seededRandom } from '@/bench/data.ts';
import { ConflictSketch } from './conflict-sketch.ts';
import { DuplicateSketch } from './duplicate-sketch.ts';

const random = seededRandom(7);
const hash = () => Math.floor(random() * 2 ** 21) * 2 ** 32 + Math.floor(random() * 2 ** 32);

describe('the duplicate sketch', () => {
  it('is exact while everything fits, zero included', () => {
    const sketch = new DuplicateSketch(1 << 14);
    const hashes = [0, ...Array.from({ length: 9000 }, hash)];
    hashes.forEach((value, i) => {
      expect(sketch.add(value, i + 1)).toBeUndefined();
    });
    hashes.slice(0, 500).forEach((value, i) => {
      expect(sketch.add(value, 10_000 + i)).toEqual({ record: 10_000 + i, firstRecord: i + 1 });
    });
    expect(sketch.result()).toEqual({ count: 500, exact: true });
  });

  it('estimates within a few percent when there is far more than fits', () => {
    const sketch = new DuplicateSketch(1 << 13);
    const hashes = Array.from({ length: 300_000 }, hash);
    for (const [i, value] of hashes.entries()) sketch.add(value, i);
    for (const [i, value] of hashes.entries()) if (i % 3 === 0) sketch.add(value, i);
    const { count, exact } = sketch.result();
    expect(exact).toBe(false);
    expect(count).toBeGreaterThan(90_000);
    expect(count).toBeLessThan(110_000);
  });
});

describe('the conflict sketch', () => {
  it('tells another answer from the same one', () => {
    const sketch = new ConflictSketch();
    const questions = Array.from({ length: 9000 }, hash);
    questions.forEach((question, i) => {
      expect(sketch.add(question, i, i + 1)).toBeUndefined();
    });
    expect(sketch.add(questions[5] ?? 0, 5, 20_000)).toBeUndefined();
    expect(sketch.add(questions[5] ?? 0, 6, 20_001)).toEqual({ record: 20_001, firstRecord: 6 });
  });

  it('goes on with what it knows when it is full', () => {
    const sketch = new ConflictSketch(1 << 12);
    const questions = Array.from({ length: 50_000 }, hash);
    for (const [i, question] of questions.entries()) sketch.add(question, 1, i + 1);
    expect(sketch.add(questions[0] ?? 0, 2, 60_000)).toEqual({ record: 60_000, firstRecord: 1 });
    expect(sketch.add(questions[49_999] ?? 0, 2, 60_001)).toBeUndefined();
  });
});
