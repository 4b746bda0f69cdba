import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { afterEach, expect, it } from 'vitest';
import { startHttpServer, type TestHttpServer } from '@/tests/support/http-server.ts';
import { bootstrapCommand } from './bootstrap.ts';

const WORKER = 'import os, sys\nprint(sys.argv[1], os.environ["LONGSHORE_JOB_ID"])\n';
const SHA256 = createHash('sha256').update(WORKER).digest('hex');

let server: TestHttpServer;
afterEach(async () => await server.close());

async function run(sha256: string, answer: (response: ServerResponse) => void) {
  server = await startHttpServer((_request, response) => answer(response));
  const [program = '', ...args] = bootstrapCommand(sha256);
  const env = { PATH: process.env.PATH, LONGSHORE_URL: `${server.url}/`, LONGSHORE_JOB_ID: 'job-1' };
  return promisify(execFile)(program, args, { env, timeout: 30_000 });
}

it('fetches the worker, trying again, and gives way to it', async () => {
  let asked = 0;
  const { stdout } = await run(SHA256, (response) => {
    asked += 1;
    if (asked === 1) response.writeHead(503).end();
    else response.end(WORKER);
  });
  expect(stdout).toContain('run job-1\n');
  expect(server.asked).toEqual(Array(2).fill(`GET /training_server.py?sha256=${SHA256}`));
});

it('runs nothing but the worker that was meant', async () => {
  const failed = await run('0'.repeat(64), (response) => response.end(WORKER)).catch((error) => error);
  expect(failed).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('another worker') });
});

it('takes a hash and nothing else', async () => {
  server = await startHttpServer(() => undefined);
  expect(() => bootstrapCommand('"; import os #')).toThrow();
});
