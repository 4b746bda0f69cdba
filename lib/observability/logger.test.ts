import { describe, expect, test } from 'vitest';
import { createLogger } from './logger.ts';
import { withWorkContext } from './request-context.ts';
import { terminalLog } from './terminal-log.ts';

function captured(): { lines: () => Record<string, unknown>[]; destination: { write(line: string): boolean } } {
  const written: string[] = [];
  const destination = {
    write(line: string) {
      written.push(line);
      return true;
    },
  };
  return { lines: () => written.map((line) => JSON.parse(line)), destination };
}

describe('the logger', () => {
  test('carries the request id of the work, and only its own fields', () => {
    const { lines, destination } = captured();
    const log = createLogger({ level: 'info', destination });
    withWorkContext({ requestId: 'r-1' }, () => {
      log.warn({ first: 1 }, 'one');
      log.info({ second: 2 }, 'two');
    });
    log.info({}, 'three');
    expect(lines()).toMatchObject([
      { requestId: 'r-1', first: 1, level: 'warn', msg: 'one' },
      { requestId: 'r-1', second: 2 },
      { msg: 'three' },
    ]);
    expect(lines()[1]).not.toHaveProperty('first');
    expect(lines()[2]).not.toHaveProperty('requestId');
  });

  test('redacts fields, messages, errors and child bindings', () => {
    const { lines, destination } = captured();
    const log = createLogger({ level: 'info', destination }).child({ token: 'tok-secret', job: 'j1' });
    const err = new Error('GET https://b.example/k?sig=url-secret');
    log.error({ err, authorization: 'header-secret' }, 'key ls_messagesecretmessagesecret was refused');
    const text = JSON.stringify(lines());
    for (const secret of ['tok-secret', 'url-secret', 'header-secret', 'messagesecret'])
      expect(text).not.toContain(secret);
    expect(lines()[0]).toMatchObject({ job: 'j1', err: { name: 'Error' } });
  });

  test('a terminal gets one readable line', () => {
    const shown: string[] = [];
    const log = createLogger({
      level: 'info',
      destination: terminalLog({ write: (text: string) => shown.push(text) }),
    });
    log.info({ method: 'GET', path: '/api/keys', status: 200, duration_ms: 3.1, provider: 's3' }, 'request');
    expect(shown.join('')).toMatch(/^\d\d:\d\d:\d\d info {2}request GET \/api\/keys 200 3\.1ms provider=s3\n$/);
  });
});
