import { LongshoreError } from '@/lib/errors.ts';

export const MAX_NAME_LENGTH = 200;
export const MAX_DESCRIPTION_LENGTH = 2000;

/** Control characters, and those that turn the direction of the text around them. */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u200E\u200F\u202A-\u202E\u2066-\u2069\uFEFF\uFFFE\uFFFF]/gu;

/** A name as it is kept and shown: from the field, else the file's name. Never part of a path or key. */
export function datasetName(given: string | undefined, fileName: string | undefined): string {
  const base = fileName?.split(/[/\\]/).at(-1);
  return cleanLine(given) || cleanLine(base) || 'Untitled dataset';
}

/** For a change of name: nothing is made up. @throws invalid_name */
export function changedName(given: string): string {
  const name = cleanLine(given);
  if (name !== '') return name;
  throw new LongshoreError('invalid_name', 'A dataset needs a name with at least one visible character.', {
    hint: 'Give it one.',
  });
}

/** A description, lines kept. Null for none. @throws description_too_long */
export function datasetDescription(given: string | null | undefined): string | null {
  const text = (given ?? '')
    .split(/\r?\n/)
    .map((line) => line.replace(UNPRINTABLE, ' ').trimEnd())
    .join('\n')
    .trim();
  if ([...text].length <= MAX_DESCRIPTION_LENGTH) return text === '' ? null : text;
  throw new LongshoreError('description_too_long', `A description has at most ${MAX_DESCRIPTION_LENGTH} characters.`, {
    hint: 'Shorten it.',
    details: { limit: MAX_DESCRIPTION_LENGTH },
  });
}

/** One line without what cannot be seen, at most MAX_NAME_LENGTH code points, lone surrogates mended. */
function cleanLine(text: string | undefined): string {
  const line = (text ?? '')
    .replace(/\p{Cs}/gu, '\uFFFD')
    .normalize('NFC')
    .replace(UNPRINTABLE, ' ')
    .replace(/\s+/gu, ' ')
    .trim();
  return [...line].slice(0, MAX_NAME_LENGTH).join('').trim();
}
