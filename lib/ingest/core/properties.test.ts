import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { runCore } from '@/tests/support/core-run.ts';
import { jsonl, lines, split } from '@/tests/support/record-batches.ts';
import { hashBytes } from './hash.ts';
import { Scanner } from './scanner.ts';
import { Tape } from './tape.ts';
import { createVectors } from './vectors.ts';
import { Workspace } from './workspace.ts';

/** Text with everything that is hard: escapes, astral characters, separators, markers, white space. No lone surrogates. */
const text = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 12 }),
      fc.constantFrom(
        '\n',
        '"',
        '\\',
        '\u2028',
        '\u2029',
        '😀',
        '<image>',
        '<|im_start|>',
        'User:',
        '{{x}}',
        ' ',
        '中文',
        '\u0000',
        '\ufeff',
      ),
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join('').replace(/[\ud800-\udfff]/gu, ''));
const filled = text.map((value) => `x${value}`);
const extra = fc.dictionary(
  fc.constantFrom('id', 'source', 'note', '__proto__', 'metadata'),
  fc.jsonValue({ maxDepth: 2 }),
  { maxKeys: 3 },
);

const chat = fc.record({
  system: fc.option(text, { nil: undefined }),
  turns: fc.array(fc.tuple(filled, filled), { minLength: 1, maxLength: 3 }),
});
const openai = fc.tuple(chat, extra).map(([{ system, turns }, rest]) => ({
  ...rest,
  messages: [
    ...(system === undefined ? [] : [{ role: 'system', content: system }]),
    ...turns.flatMap(([q, a]) => [
      { role: 'user', content: q },
      { role: 'assistant', content: a },
    ]),
  ],
}));
const sharegpt = fc.tuple(chat, extra).map(([{ system, turns }, rest]) => ({
  ...rest,
  ...(system === undefined ? {} : { system }),
  conversations: turns.flatMap(([q, a]) => [
    { from: 'human', value: q },
    { from: 'gpt', value: a },
  ]),
}));
const alpaca = fc
  .tuple(filled, text, filled, extra)
  .map(([instruction, input, output, rest]) => ({ ...rest, instruction, input, output }));
const pairs = fc
  .tuple(text, filled, filled)
  .map(([prompt, chosen, rejected]) => ({ prompt, chosen, rejected: `${rejected}.` }));
const qa = fc.tuple(filled, filled).map(([question, answer]) => ({ question, answer }));
const plain = filled.map((value) => ({ text: value }));
const datasets = fc.oneof(
  ...[openai, sharegpt, alpaca, pairs, qa, plain].map((record) =>
    fc.array(record as fc.Arbitrary<object>, { minLength: 1, maxLength: 8 }),
  ),
);

const RUNS = { numRuns: 150 };

describe('normalising', () => {
  test('twice is the same bytes as once', () => {
    fc.assert(
      fc.property(datasets, (records) => {
        const once = runCore(jsonl(...records));
        fc.pre(once.written > 0);
        const twice = runCore(lines(once.text));
        expect(twice.text).toBe(once.text);
      }),
      RUNS,
    );
  });

  test('leaves every text equal, code point for code point', () => {
    const conversation = fc.oneof(openai, sharegpt) as fc.Arbitrary<Record<string, unknown>>;
    fc.assert(
      fc.property(fc.array(conversation, { minLength: 1, maxLength: 4 }), (records) => {
        const run = runCore(jsonl(...records));
        fc.pre(run.written === records.length);
        for (const [i, record] of run.records.entries()) expect(contentsOf(record)).toEqual(contentsOf(records[i]));
      }),
      RUNS,
    );
  });

  test('gives the same output however the records are batched', () => {
    fc.assert(
      fc.property(datasets, fc.integer({ min: 1, max: 4 }), (records, size) => {
        const whole = jsonl(...records);
        const cut = runCore(split(whole, size));
        const once = runCore(whole);
        expect(cut.text).toBe(once.text);
        expect(cut.counts).toEqual(once.counts);
        expect(cut.statistics).toEqual(once.statistics);
      }),
      RUNS,
    );
  });

  test('passes white space, whatever it is', () => {
    const space = fc.array(fc.constantFrom(' ', '\t', '\r'), { maxLength: 3 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(openai, space, (record, gap) => {
        const compact = JSON.stringify(record);
        const spaced = compact.replace(/"(?:[^"\\]|\\.)*"|[{}[\],:]/g, (token) => `${gap}${token}${gap}`);
        expect(runCore(lines(spaced)).text).toBe(runCore(lines(compact)).text);
      }),
      RUNS,
    );
  });
});

/** The texts of a conversation in either dialect, the system prompt first. */
function contentsOf(value: unknown): string[] {
  const record = value as Record<string, unknown>;
  const list = (record.messages ?? record.conversations) as Record<string, string>[];
  const system = typeof record.system === 'string' && record.system !== '' ? [record.system] : [];
  return [...system, ...list.map((message) => message.content ?? message.value ?? '')];
}

describe('the scanner', () => {
  const fragments = fc.array(
    fc.oneof(
      fc.json({ maxDepth: 3 }),
      fc.constantFrom(
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '"',
        '\\',
        'true',
        'nul',
        '-',
        '0',
        '1e5',
        '.5',
        '\\u00',
        ' ',
        '\t',
        '\u2028',
        '"a":1',
        '\u0001',
      ),
    ),
    { maxLength: 6 },
  );
  const sources = fragments.map((parts) => parts.join(''));

  test('accepts what JSON.parse accepts, but for what is documented', () => {
    fc.assert(
      fc.property(sources, (source) => {
        const { accepted, fault } = scan(source, true);
        if (parses(source)) expect(accepted || ['duplicate', 'surrogate', 'range', 'depth'].includes(fault)).toBe(true);
        else expect(accepted).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });

  test('reads the same with and without vector instructions', () => {
    expect(createVectors()).toBeDefined();
    fc.assert(
      fc.property(
        fc.oneof(
          sources,
          fc.json(),
          text.map((value) => JSON.stringify(value)),
        ),
        (source) => {
          expect(scan(source, true)).toEqual(scan(source, false));
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('measures strings as JavaScript does', () => {
    fc.assert(
      fc.property(text, (value) => {
        const { tape } = scanned(JSON.stringify(value), true);
        const size = { codePoints: 0, utf16: 0, bytes: 0, latin: 0, cjk: 0, other: 0 };
        tape.addSize(0, size);
        expect(size).toMatchObject({
          codePoints: Array.from(value).length,
          utf16: value.length,
          bytes: new TextEncoder().encode(value).length,
        });
      }),
      { numRuns: 500 },
    );
  });
});

test('random bytes never crash or hang', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom('lines', 'elements', 'values'), (noise, framing) => {
      const good = new TextEncoder().encode('{"text":"a"}\n');
      const bytes = new Uint8Array([
        ...(framing === 'elements' ? good.subarray(0, -1) : good),
        ...(framing === 'elements' ? [0x2c] : []),
        ...noise,
      ]);
      const run = runCore({ bytes, framing: framing as 'lines', firstLine: 1, firstRecord: 1 });
      expect(run.written + run.rejected).toBe(run.sourceRecords);
    }),
    { numRuns: 1500 },
  );
});

test('flipped bytes of real records never crash', () => {
  fc.assert(
    fc.property(datasets, fc.nat(), fc.integer({ min: 0, max: 255 }), (records, at, byte) => {
      const batch = jsonl(...records);
      batch.bytes[at % batch.bytes.length] = byte;
      const run = runCore(batch);
      for (const line of run.text.split('\n').filter(Boolean)) expect(() => JSON.parse(line)).not.toThrow();
    }),
    { numRuns: 600 },
  );
});

test('the hash depends on every byte and on nothing around the range', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.nat(), fc.nat(20), (bytes, at, offset) => {
      const place = (source: Uint8Array, from: number) => {
        const padded = new Uint8Array(source.length + from + 8);
        padded.set(source, from);
        return hashBytes(new DataView(padded.buffer), from, from + source.length);
      };
      const other = bytes.slice();
      other[at % bytes.length] = (other[at % bytes.length] ?? 0) ^ 1;
      expect(place(bytes, offset)).toBe(place(bytes, 0));
      expect(place(other, 0)).not.toBe(place(bytes, 0));
      expect(Number.isSafeInteger(place(bytes, 0))).toBe(true);
    }),
    { numRuns: 500 },
  );
});

function parses(source: string): boolean {
  try {
    JSON.parse(source);
    return true;
  } catch {
    return false;
  }
}

function scanned(source: string, vectors: boolean): { tape: Tape; scanner: Scanner; node: number } {
  const workspace = new Workspace(vectors ? createVectors() : undefined);
  const tape = new Tape();
  const scanner = new Scanner(workspace, tape);
  workspace.load(new TextEncoder().encode(source));
  return { tape, scanner, node: scanner.scan(workspace.inputStart + source.length - source.trimStart().length, true) };
}

/** Scans one value that must fill the whole source but for white space, as JSON.parse demands. */
function scan(source: string, vectors: boolean) {
  const leading = /^[ \t\r\n]*/.exec(source)?.[0] ?? '';
  const { tape, scanner, node } = scanned(leading === source ? '' : source.slice(leading.length), vectors);
  const bytes = new TextEncoder().encode(source.slice(leading.length));
  const base = node < 0 ? 0 : tape.tokenStart(node);
  const rest = new TextDecoder().decode(bytes.subarray(node < 0 ? 0 : scanner.end - base));
  const accepted = node >= 0 && /^[ \t\r\n]*$/.test(rest);
  return {
    accepted,
    fault: node < 0 ? scanner.fault : 'none',
    cells: node < 0 ? [] : [...tape.cells.subarray(0, tape.length)],
  };
}
