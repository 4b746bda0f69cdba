/** Parts of the Python worker by themselves; tests/acceptance and tests/faults run it as a whole. */
import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startHttpServer } from '@/tests/support/http-server.ts';
import { startWorker } from '@/tests/support/training.ts';
import { workerPath } from './worker-file.ts';

/** Runs Python with the worker imported as `w` and `given` as its input, and returns what it printed as JSON. */
function python(script: string, given: unknown): unknown {
  const before =
    'import json, sys; sys.dont_write_bytecode = True; import training_server as w; given = json.load(sys.stdin)';
  const ran = spawnSync('python3', ['-c', `${before}\n${script}`], {
    cwd: dirname(workerPath()),
    input: JSON.stringify(given),
    encoding: 'utf8',
  });
  if (ran.status !== 0) throw new Error(ran.stderr);
  return JSON.parse(ran.stdout);
}

describe('metrics', () => {
  const cases: [string, unknown][] = [
    ['{"step": 3, "loss": 0.5}', { step: 3, values: { loss: 0.5 } }],
    ['{"metrics": {"eval_loss": 2}, "global_step": 7}', { step: 7, values: { eval_loss: 2 } }],
    [
      "{'loss': 1.2, 'grad_norm': nan, 'learning_rate': 5e-05, 'epoch': 0.1}",
      { epoch: 0.1, values: { loss: 1.2, learning_rate: 5e-5 } },
    ],
    ["{'loss': '1.20', 'epoch': '0.1'}", { epoch: 0.1, values: { loss: 1.2 } }],
    [' 50%|##   | 5/10 {"train_loss": 2}', { values: { train_loss: 2 } }],
    ['{"loss": NaN, "accuracy": 1e999}', null],
    ['{"level": 30, "time": 1, "msg": "hello"}', null],
    ['{"loss": true}', null],
    ['a set of {braces}', null],
    ['{"step": 3}', null],
    ["{'loss': __import__('os').getpid()}", null],
    ['{'.repeat(9000), null],
    [`${'{"loss":'.repeat(1900)}1}`, null],
    [`{'loss':${'-'.repeat(9000)}1}`, null],
  ];

  test('are found in what trainers print, and nowhere else', () => {
    const found = python(
      'print(json.dumps([w.metrics_of(line) for line in given]))',
      cases.map(([line]) => line),
    );
    expect(found).toEqual(cases.map(([, point]) => point));
  });
});

describe('shards', () => {
  test('put together are all records in their order, each once', () => {
    const script = `
class Memory:
    def __init__(self): self.data = b""
    def write(self, data): self.data += bytes(data); return len(data)
def cut(lines, n, i, piece):
    data, memory = b"".join(b"record %d\\n" % k for k in range(lines)), Memory()
    window = w.LineWindow(memory, lines, (i, n))
    for at in range(0, len(data), piece): window.write(data[at:at + piece])
    return [memory.data.decode(), window.kept]
print(json.dumps([[cut(lines, n, i, piece) for i in range(n)] for lines, n, piece in given]))`;
    const wanted = [
      [10, 1, 7],
      [10, 3, 7],
      [10, 12, 1000],
      [1000, 7, 64],
      [0, 2, 1],
    ] as const;
    const shards = python(script, wanted) as [string, number][][];
    for (const [index, [lines]] of wanted.entries()) {
      const all = Array.from({ length: lines }, (_, k) => `record ${k}\n`);
      expect(shards[index]?.map(([text]) => text).join('')).toBe(all.join(''));
      expect(shards[index]?.map(([text, kept]) => text.split('\n').length - 1 - kept)).toEqual(
        shards[index]?.map(() => 0),
      );
    }
  });
});

test('redirects are not followed: the token goes to no other host', async () => {
  const elsewhere = await startHttpServer((_, response) => response.end('{}'));
  const redirecting = await startHttpServer((_, response) => {
    response.writeHead(302, { location: elsewhere.url }).end();
  });
  const env = { LONGSHORE_URL: redirecting.url, LONGSHORE_JOB_ID: 'job-1', LONGSHORE_JOB_TOKEN: 'a token' };
  const worker = await startWorker(['run'], env);
  expect(await worker.exited).toBe(1);
  expect(worker.logs()).toContain('302');
  expect(redirecting.asked).toContain('POST /api/training/jobs/job-1/claim');
  expect(elsewhere.asked).toEqual([]);
  await Promise.all([elsewhere.close(), redirecting.close()]);
});

describe('wrong use', () => {
  test.each([
    ['without an address', {}],
    ['without a token', { LONGSHORE_URL: 'http://127.0.0.1:1', LONGSHORE_JOB_ID: 'x' }],
  ])('%s ends with 2 and says what is missing', async (_, env) => {
    const worker = await startWorker(['run'], env);
    expect(await worker.exited).toBe(2);
    expect(worker.logs()).toMatch(/LONGSHORE_\w+ is not set/);
  });
});
