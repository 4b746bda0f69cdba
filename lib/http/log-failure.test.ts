import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect, test } from 'vitest';
import { LongshoreError } from '@/lib/errors.ts';
import { createLogger } from '@/lib/observability/logger.ts';
import { logFailure } from './log-failure.ts';

function logged(error: unknown): Record<string, unknown> {
  const lines: string[] = [];
  const destination = { write: (line: string) => lines.push(line) > 0 };
  logFailure(createLogger({ level: 'debug', destination }), error);
  return JSON.parse(lines.join(''));
}

/** The error that reading an upload ends with when its client goes away. */
async function errorOfCutUpload(): Promise<unknown> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf');
  const [request] = (await once(server, 'request')) as [IncomingMessage];
  client.destroy();
  const error = await request.toArray().catch((caught: unknown) => caught);
  server.close();
  return error;
}

test('a client that cuts its upload is told of, and is no error', async () => {
  expect(logged(await errorOfCutUpload())).toMatchObject({ level: 'info', code: 'client_disconnected' });
});

test.each([
  ['what nobody expected', new Error('broken'), 'error'],
  [
    'a connection of ours that is reset',
    Object.assign(new Error('x'), { code: 'ECONNRESET', syscall: 'read' }),
    'error',
  ],
  ['a refusal', new LongshoreError('not_found', 'Gone.'), 'debug'],
])('%s', (_, error, level) => {
  expect(logged(error)).toMatchObject({ level });
});
