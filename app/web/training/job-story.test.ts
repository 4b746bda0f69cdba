import { describe, expect, test } from 'vitest';
import type { TrainingJobEvent } from '../shared/api/types.ts';
import { StoryTeller, thinned } from './job-story.ts';

let id = 0;
function event(kind: TrainingJobEvent['kind'], data: Record<string, unknown>, attempt = 1): TrainingJobEvent {
  id += 1;
  return { id, at: '2026-01-01T00:00:00Z', attempt, kind, data };
}

function told(...events: TrainingJobEvent[]) {
  const teller = new StoryTeller();
  for (const one of events) teller.add(one);
  return teller.story();
}

describe('the log', () => {
  test('puts a line together that came in pieces, though another stream spoke between them', () => {
    const { lines } = told(
      event('log', { stream: 'stdout', text: 'one\ntw' }),
      event('log', { stream: 'stderr', text: 'oh\n' }),
      event('log', { stream: 'stdout', text: 'o\n\nthree\n' }),
    );
    expect(lines.map(({ stream, text }) => [stream, text])).toEqual([
      ['stdout', 'one'],
      ['stdout', 'two'],
      ['stderr', 'oh'],
      ['stdout', ''],
      ['stdout', 'three'],
    ]);
  });

  test('takes an event in once, as it comes again after a lost connection', () => {
    const once = event('log', { stream: 'stdout', text: 'a\n' });
    expect(told(once, once).lines).toHaveLength(1);
  });

  test('keeps the last 5000 lines and counts those before', () => {
    const text = Array.from({ length: 5003 }, (_, index) => `${index}\n`).join('');
    const { lines, dropped } = told(event('log', { stream: 'stdout', text }));
    expect([lines.length, dropped, lines[0]?.text]).toEqual([5000, 3, '3']);
  });
});

describe('metrics', () => {
  test('are those of the latest attempt, by step, by epoch, else by their order', () => {
    const { metrics } = told(
      event('metric', { step: 7, values: { loss: 9 } }),
      event('metric', { step: 10, values: { loss: 2, accuracy: 0.5 } }, 2),
      event('metric', { epoch: 1.5, values: { eval_loss: 3 } }, 2),
      event('metric', { values: { reward: 4 } }, 2),
    );
    expect(Object.fromEntries(metrics)).toEqual({
      loss: [{ x: 10, value: 2 }],
      accuracy: [{ x: 10, value: 0.5 }],
      eval_loss: [{ x: 1.5, value: 3 }],
      reward: [{ x: 1, value: 4 }],
    });
  });

  test('of two machines are two curves', () => {
    const { metrics } = told(
      event('metric', { step: 1, shard: 0, values: { loss: 1 } }),
      event('metric', { step: 1, shard: 1, values: { loss: 2 } }),
    );
    expect([...metrics.keys()]).toEqual(['loss of machine 0', 'loss of machine 1']);
  });

  test('are thinned to what can be drawn, with both ends', () => {
    const points = Array.from({ length: 5000 }, (_, x) => ({ x, value: x }));
    const drawn = thinned(points.toReversed(), 100);
    expect([drawn.length, drawn[0]?.x, drawn.at(-1)?.x]).toEqual([100, 0, 4999]);
    expect(drawn.every(({ x }, index) => index === 0 || x > (drawn[index - 1]?.x ?? 0))).toBe(true);
  });
});
