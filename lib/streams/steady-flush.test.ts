import { expect, it } from 'vitest';
import { SteadyFlush } from './steady-flush.ts';

/** A file whose flushes end when they are told to. */
function slowFile() {
  const ends: ((error?: Error) => void)[] = [];
  const datasync = () =>
    new Promise<void>((resolve, reject) => {
      ends.push((error) => (error === undefined ? resolve() : reject(error)));
    });
  return { ends, datasync };
}

it('flushes beside the writes, one at a time', async () => {
  const file = slowFile();
  const flush = new SteadyFlush(file, 10);
  flush.wrote(9);
  expect(file.ends.length).toBe(0);
  flush.wrote(1);
  flush.wrote(50);
  expect(file.ends.length).toBe(1);
  file.ends[0]?.();
  await flush.settled();
  flush.wrote(1);
  expect(file.ends.length).toBe(2);
});

it('waits for the flush that runs', async () => {
  const file = slowFile();
  const flush = new SteadyFlush(file, 10);
  flush.wrote(10);
  let settled = false;
  const waiting = flush.settled().then(() => {
    settled = true;
  });
  await Promise.resolve();
  expect(settled).toBe(false);
  file.ends[0]?.();
  await waiting;
});

it('tells an error of an early flush at the end, whatever the later ones gave', async () => {
  const file = slowFile();
  const flush = new SteadyFlush(file, 10);
  flush.wrote(10);
  file.ends[0]?.(new Error('the disk is gone'));
  await expect(flush.settled()).rejects.toThrow('the disk is gone');
  flush.wrote(10);
  file.ends[1]?.();
  await expect(flush.settled()).rejects.toThrow('the disk is gone');
});
