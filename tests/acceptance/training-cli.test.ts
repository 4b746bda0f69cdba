/** `longshore train`, `worker` and `jobs` as a person uses them, the example of the demo included. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { projectRoot } from '@/lib/config/entry-points.ts';
import { runCli, startCli } from '@/tests/support/cli.ts';
import { startServer, type TestServer } from '@/tests/support/server.ts';
import { type DatasetView, eventually, makeJob, reached, upload } from '@/tests/support/training.ts';

const EXAMPLE = join(projectRoot(), 'examples/train-ngram/train.py');

let server: TestServer;
let folder: string;
let dataset: DatasetView;
let env: Record<string, string>;
beforeAll(async () => {
  server = await startServer();
  folder = await mkdtemp(join(tmpdir(), 'longshore-train-'));
  env = { LONGSHORE_URL: server.url, LONGSHORE_API_KEY: server.adminKey, HOME: folder };
  dataset = await upload(
    server,
    await readFile(join(projectRoot(), 'examples/data/ferry-chats.jsonl'), 'utf8'),
    'ferries',
  );
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

const longshore = (...args: string[]) => runCli(args, env, folder);
const work = () => longshore('worker', '--once', '--work-dir', join(folder, 'work'));
async function train(...args: string[]): Promise<string> {
  const { stdout, stderr, code } = await longshore('train', 'ferries', ...args, '--json');
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return JSON.parse(stdout).job.id;
}

// A command takes a second to start, on a busy machine several.
describe('train, worker and jobs', { timeout: 150_000 }, () => {
  test('the example learns: its loss falls, and every number of it is there', async () => {
    const id = await train('--command', `python3 ${EXAMPLE}`, '--hyperparameters', '{"epochs": 4}');
    const following = longshore('jobs', 'logs', '-f', id);
    expect((await work()).code).toBe(0);
    const followed = await following;
    expect(followed).toMatchObject({ code: 0, stdout: expect.stringContaining('it writes: ') });
    const metrics = await longshore('jobs', 'metrics', id, '--json');
    const losses = metrics.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).values.loss);
    expect(losses).toHaveLength(4);
    expect(losses).toEqual([...losses].sort((a, b) => b - a));
    expect(losses[3]).toBeLessThan(losses[0] * 0.7);
    const [inWords, shown, listed, logged] = await Promise.all([
      longshore('jobs', 'metrics', id),
      longshore('jobs', 'show', id),
      longshore('jobs', '--json'),
      longshore('jobs', 'logs', id),
    ]);
    expect(inWords.stdout).toMatch(/^step 1 {2}loss [\d.]+ {2}perplexity [\d.]+$/m);
    expect(shown.stdout).toContain(`completed  ${id}  local`);
    expect(JSON.parse(listed.stdout).jobs[0]).toMatchObject({ id, state: 'completed' });
    expect(logged.stdout).toBe(followed.stdout);
    expect(await readFile(join(folder, 'work', id, 'output', 'model.json'), 'utf8')).toContain('"weights"');
  });

  test('--follow tells of a failure by its exit code; retry begins it again', async () => {
    const following = longshore('train', 'ferries', '-c', 'echo hello; exit 3', '-e', 'A=1', '--follow');
    const worker = startCli(['worker', '--work-dir', join(folder, 'work')], env, folder);
    const followed = await following;
    expect(followed.code).toBe(1);
    expect(followed.stdout).toContain('hello\n');
    expect(followed.stdout).toContain('failed');
    const [job] = JSON.parse((await longshore('jobs', 'ls', '--state', 'failed', '--json')).stdout).jobs;
    expect((await longshore('jobs', 'retry', job.id)).stdout).toContain(`pending  ${job.id}  local  (attempt 2)`);
    await eventually(server, job.id, (event) => event.attempt === 2 && event.data.to === 'failed');
    worker.process.kill('SIGTERM');
    expect((await worker.result).code).toBe(0);
  });

  test('cancel ends a job', async () => {
    const { id } = await makeJob(server, dataset.id);
    expect((await longshore('jobs', 'cancel', id)).stdout).toContain(`cancelled  ${id}`);
    await reached(server, id, 'cancelled');
    expect((await longshore('jobs', 'cancel', 'nothing')).code).toBe(3);
  });

  test('a machine without Python says what to do', async () => {
    const { code, stderr } = await longshore('worker', '--python', 'no-such-python');
    expect(code).toBe(2);
    expect(stderr).toContain('Install Python 3.9');
  });
});
