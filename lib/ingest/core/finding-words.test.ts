import { expect, test } from 'vitest';
import { runCore } from '@/tests/support/core-run.ts';
import { lines } from '@/tests/support/record-batches.ts';

const GOOD = '{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}';

/** What a person reads about the second line. */
function wordsAbout(line: string): string {
  const { findings } = runCore(lines(`${GOOD}\n${line}\n`));
  return findings.map(({ message, hint }) => `${message} ${hint ?? ''}`.trim()).join('\n');
}

test.each([
  ['a misspelt field', GOOD.replace('role', 'rol'), 'The field role is missing. The object has: "rol", "content".'],
  [
    'a line that is cut off within a string',
    GOOD.slice(0, 34),
    'Not valid JSON at column 35: the line ends within a string. The line is cut off, or a line break in the text is not written as \\n.',
  ],
  [
    'a line that is cut off between values',
    GOOD.slice(0, 42),
    'Not valid JSON at column 43: the record ends too early. The line is cut off: one record must stand on one line.',
  ],
  [
    'a raw tab',
    GOOD.replace('"a"', '"a\tb"'),
    'Not valid JSON at column 41: a raw control character stands in a string. Write line breaks as \\n and tabs as \\t.',
  ],
])('%s', (_, line, words) => expect(wordsAbout(line)).toBe(words));
