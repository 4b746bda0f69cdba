import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RecordBatch } from '@/lib/ingest/core/contract.ts';
import { IngestPool, type PoolSession } from './ingest-pool.ts';
import type { BatchWork } from './messages.ts';

/** A thread that does what the batch's bytes say, so that crashes and order can be seen. */
const THREAD = `
import { parentPort } from 'node:worker_threads';
parentPort.on('message', (message) => {
  if (message.type === 'forget') return;
  const word = Buffer.from(message.work.batch.bytes).toString();
  if (word === 'exit') process.exit(3);
  if (word === 'throw') throw new Error('out of luck');
  if (word === 'fail') return parentPort.postMessage({ type: 'failed', task: message.task, message: 'no idea' });
  const end = Date.now() + (word === 'slow' ? 30 : 0);
  while (Date.now() < end);
  parentPort.postMessage({ type: 'processed', task: message.task, processed: { word, at: performance.timeOrigin + performance.now() } });
});
`;

let folder: string;
let pool: IngestPool;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-pool-'));
  await writeFile(join(folder, 'thread.mjs'), THREAD);
  pool = poolOf(2);
});
afterEach(async () => {
  await pool.close();
  await rm(folder, { recursive: true });
});

const poolOf = (threads: number) =>
  new IngestPool({ threads, workerUrl: pathToFileURL(join(folder, 'thread.mjs')), inFlightBytes: 8 << 20 });

function work(word: string): BatchWork {
  const batch: RecordBatch = {
    bytes: new Uint8Array(Buffer.from(word)),
    framing: 'lines',
    firstLine: 1,
    firstRecord: 1,
  };
  const decision = { kind: 'text', primaryFormat: 'text', style: null, promptOnly: false, firstLine: 1 } as const;
  return { batch, decision, options: { format: 'auto', maxRecordBytes: 1 }, output: { type: 'none' } };
}

const run = (session: PoolSession, word: string) =>
  session.process(work(word)) as unknown as Promise<{ word: string; at: number }>;

describe('the pool of threads', () => {
  it.each([
    ['exit', 'exited with code 3'],
    ['throw', 'out of luck'],
  ])('fails only the upload whose thread died (%s), and goes on', async (word, reason) => {
    const [bad, good] = [pool.open(), pool.open()];
    const others = ['slow', 'slow', 'a', 'b', 'c'].map((other) => run(good, other));
    const error = await run(bad, word).catch((cause) => cause);
    expect(error).toMatchObject({ code: 'ingest_worker_died', message: expect.stringContaining(reason) });
    expect((await Promise.all(others)).map((result) => result.word)).toEqual(['slow', 'slow', 'a', 'b', 'c']);
    expect((await run(bad, 'again')).word).toBe('again');
    expect((await run(good, 'again')).word).toBe('again');
  });

  it('passes on a failure of the work itself without losing the thread', async () => {
    const session = pool.open();
    await expect(run(session, 'fail')).rejects.toMatchObject({ code: 'ingest_failed' });
    expect((await run(session, 'fine')).word).toBe('fine');
  });

  it('serves uploads in turns: a small one does not wait for a large one', async () => {
    await pool.close();
    pool = poolOf(1);
    const [large, small] = [pool.open(), pool.open()];
    const many = Array.from({ length: 30 }, () => run(large, 'slow'));
    const one = await run(small, 'quick');
    const ends = (await Promise.all(many)).map((result) => result.at);
    expect(ends.filter((at) => at < one.at).length).toBeLessThan(5);
  });

  it('shares the bytes in flight between uploads, and never gives less than one needs', () => {
    const sessions = [pool.open()];
    expect(sessions[0]?.shareBytes).toBe(8 << 20);
    sessions.push(pool.open());
    expect(sessions[0]?.shareBytes).toBe(4 << 20);
    for (let i = 0; i < 20; i++) sessions.push(pool.open());
    expect(sessions[0]?.shareBytes).toBe(2 << 20);
    for (const session of sessions.slice(1)) session.end();
    expect(sessions[0]?.shareBytes).toBe(8 << 20);
  });

  it('drops what waits when a session ends, and refuses work when closed', async () => {
    await pool.close();
    pool = poolOf(1);
    const session = pool.open();
    const runs = Array.from({ length: 6 }, () => run(session, 'slow').catch((error) => error.code));
    session.end();
    expect(await Promise.all(runs)).toContain('ingest_pool_closed');
    const running = run(pool.open(), 'slow').catch((error) => error.code);
    await pool.close();
    expect(await running).toBe('ingest_pool_closed');
    await expect(run(pool.open(), 'late')).rejects.toMatchObject({ code: 'ingest_pool_closed' });
  });
});
