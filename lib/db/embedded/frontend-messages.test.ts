import fc from 'fast-check';
import { expect, test } from 'vitest';
import { query } from './backend-messages.ts';
import { type FrontendEvent, FrontendMessages } from './frontend-messages.ts';

const int32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const message = (type: string, body: Uint8Array) =>
  Buffer.concat([Buffer.from(type), int32(body.length + 4), Buffer.from(body)]);
const special = (code: number) => Buffer.concat([int32(8), int32(code)]);
const SSL = special(80_877_103);
const GSS = special(80_877_104);
const STARTUP = Buffer.concat([int32(19), int32(196_608), Buffer.from('user\0me\0\0\0\0')]);
const SYNC = message('S', Buffer.alloc(0));
const TERMINATE = message('X', Buffer.alloc(0));

/** Everything that a stream of bytes says, however it is cut. */
function read(bytes: Buffer, cuts: readonly number[] = []): FrontendEvent[] {
  const messages = new FrontendMessages();
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return ends.flatMap((end, i) => messages.push(bytes.subarray(ends[i - 1] ?? 0, end)));
}

test('greetings, then batches up to the message that wants an answer', () => {
  const parse = message('P', Buffer.from('\0select 1\0\0\0'));
  const bytes = Buffer.concat([SSL, GSS, STARTUP, parse, SYNC, query('select 2'), TERMINATE]);
  expect(read(bytes)).toEqual([
    { type: 'encryption_request' },
    { type: 'encryption_request' },
    { type: 'startup' },
    { type: 'batch', bytes: Buffer.concat([parse, SYNC]) },
    { type: 'batch', bytes: query('select 2') },
    { type: 'terminate' },
  ]);
});

test('says the same however the bytes are cut', () => {
  const batches = fc.array(
    fc.tuple(
      fc.array(fc.tuple(fc.constantFrom('P', 'B', 'D', 'E', 'C'), fc.uint8Array({ maxLength: 40 })), { maxLength: 3 }),
      fc.constantFrom('S', 'Q', 'H'),
    ),
    { maxLength: 6 },
  );
  fc.assert(
    fc.property(batches, fc.array(fc.nat()), (list, cuts) => {
      const encoded = list.map(([parts, last]) =>
        Buffer.concat([...parts.map(([type, body]) => message(type, body)), message(last, Buffer.alloc(0))]),
      );
      const expected = [{ type: 'startup' }, ...encoded.map((bytes) => ({ type: 'batch', bytes }))];
      expect(read(Buffer.concat([STARTUP, ...encoded]), cuts)).toEqual(expected);
    }),
  );
});

test('a request to cancel is told from a greeting', () => {
  expect(read(Buffer.concat([int32(16), int32(80_877_102), int32(1), int32(2)]))).toEqual([{ type: 'cancel_request' }]);
});

test.each([
  ['text', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['another version', special(131_072)],
  ['a length below its own size', Buffer.concat([STARTUP, Buffer.from('Q'), int32(3)])],
  ['a length beyond all reason', Buffer.concat([STARTUP, Buffer.from('Q'), int32(2 ** 30)])],
])('refuses what is not the protocol: %s', (_name, bytes) => {
  expect(() => read(bytes)).toThrow(RangeError);
});
