import { expect, it } from 'vitest';
import { FORMAT_OPTIONS, knownFormat, optionOf } from './format-choice.ts';

it('offers every way to read plain text, first of all to recognise the format', () => {
  const values = FORMAT_OPTIONS.map(({ value }) => value);
  expect(values.slice(0, 4)).toEqual(['', 'raw_text', 'raw_text_paragraphs', 'raw_text_whole']);
  expect(values).toContain('sharegpt');
  expect(new Set(values).size).toBe(values.length);
});

it('knows what it offered again, and nothing else', () => {
  for (const { value } of FORMAT_OPTIONS) expect(optionOf(knownFormat(value))).toBe(value);
  expect([knownFormat(undefined), knownFormat('unheard of')]).toEqual(['auto', 'auto']);
});
