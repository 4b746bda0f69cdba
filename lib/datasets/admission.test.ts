import { expect, test, vi } from 'vitest';
import { Admission } from './admission.ts';
import { DiskBudget } from './disk-budget.ts';

const disk = (freeBytes = 1e12, reserveBytes = 0) =>
  new DiskBudget({ folder: '/', reserveBytes, freeBytes: async () => freeBytes });
const small = (userId: string) => ({ userId, declaredBytes: 1 });

test('turns go round the users: who has many files waits with them', async () => {
  const admission = new Admission({ disk: disk(), concurrency: 2 });
  const greedy = await admission.enter(small('greedy'));
  const other = await admission.enter(small('other'));
  const turns: string[] = [];
  const waiting = ['greedy', 'greedy', 'modest'].map(async (user) => {
    const ticket = await admission.enter(small(user));
    turns.push(user);
    ticket.release();
  });
  await vi.waitFor(() => expect(admission.waitingCount).toBe(3));
  other.release();
  await Promise.all(waiting);
  greedy.release();
  expect(turns[0]).toBe('modest');
});

test('one user may not fill the queue, and the queue may not fill the server', async () => {
  const admission = new Admission({ disk: disk(), concurrency: 1, perUser: 2, waiting: 2 });
  await admission.enter(small('a'));
  const waits = [admission.enter(small('a')), admission.enter(small('b'))];
  await expect(admission.enter(small('a'))).rejects.toMatchObject({ code: 'too_many_uploads' });
  await expect(admission.enter(small('c'))).rejects.toMatchObject({
    code: 'busy',
    details: { retry_after_seconds: expect.any(Number) },
  });
  admission.close();
  for (const wait of waits) await expect(wait).rejects.toMatchObject({ code: 'shutting_down' });
});

test('who leaves the queue frees the place, and nobody is let in for who left', async () => {
  const admission = new Admission({ disk: disk(), concurrency: 1 });
  const running = await admission.enter(small('a'));
  const gone = new AbortController();
  const left = admission.enter({ ...small('b'), signal: gone.signal });
  const stays = admission.enter(small('c'));
  gone.abort(new Error('gone'));
  await expect(left).rejects.toThrow('gone');
  running.release();
  (await stays).release();
});

test('space that running uploads were promised is waited for; space that is not there is refused', async () => {
  const admission = new Admission({ disk: disk(1000, 100), concurrency: 4 });
  const first = await admission.enter({ userId: 'a', declaredBytes: 800 });
  const second = admission.enter({ userId: 'b', declaredBytes: 200 });
  await expect(admission.enter({ userId: 'c', declaredBytes: 901 })).rejects.toMatchObject({ code: 'disk_full' });
  first.release();
  (await second).release();
});
