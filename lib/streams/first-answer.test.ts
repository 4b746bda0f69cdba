import { describe, expect, test } from 'vitest';
import { firstAnswer } from './first-answer.ts';

const never = () => new Promise<string>(() => undefined);
const fails = (message: string) => async () => {
  throw new Error(message);
};
const says = (text: string) => async () => text;

/** Candidates are what they do. */
function ask(candidates: ((signal: AbortSignal) => Promise<string>)[], budgetMs = 60_000) {
  const rules = { budgetMs, speaksOfCandidate: (error: unknown) => (error as Error).message !== 'fatal' };
  return firstAnswer(candidates, (candidate, signal) => candidate(signal), rules);
}

describe('firstAnswer', () => {
  test('takes the first when it answers, and asks nobody else', async () => {
    const other = () => Promise.reject(new Error('asked'));
    expect(await ask([says('a'), other])).toMatchObject({ value: 'a', passed: [] });
  });

  test('goes on at once from one that fails, and says why it was passed', async () => {
    const answer = await ask([fails('first'), fails('second'), says('c')]);
    expect(answer?.value).toBe('c');
    expect(answer?.passed.map(({ why }) => why.kind)).toEqual(['failed', 'failed']);
  });

  test('asks the next beside one that is slow, takes whoever answers, and tells the other to stop', async () => {
    let stopped: AbortSignal | undefined;
    const slow = (signal: AbortSignal) => {
      stopped = signal;
      return never();
    };
    const answer = await ask([slow, says('b')], 1);
    expect(answer).toMatchObject({ value: 'b', passed: [{ why: { kind: 'slow' } }] });
    expect(stopped?.aborted).toBe(true);
  });

  test('a slow one that answers after all is no passed one', async () => {
    let answerLate: (text: string) => void = () => undefined;
    const slow = () => new Promise<string>((resolve) => (answerLate = resolve));
    const second = async () => {
      answerLate('late');
      return never();
    };
    expect(await ask([slow, second], 1)).toMatchObject({ value: 'late', passed: [] });
  });

  test('waits for the slow one when all others fail', async () => {
    let answerLate: (text: string) => void = () => undefined;
    const slow = () => new Promise<string>((resolve) => (answerLate = resolve));
    const failing = async () => {
      setImmediate(() => answerLate('late'));
      throw new Error('second');
    };
    expect(await ask([slow, failing], 1)).toMatchObject({ value: 'late' });
  });

  test('throws the first error when all fail, and at once one that is not about the candidate', async () => {
    await expect(ask([fails('first'), fails('second')])).rejects.toThrow('first');
    await expect(ask([fails('fatal'), says('b')])).rejects.toThrow('fatal');
    expect(await ask([])).toBeUndefined();
  });
});
