import { type FormatChoice, SOURCE_FORMATS, TEXT_FORMATS } from '@/lib/ingest/types.ts';

const CHOICES: readonly FormatChoice[] = ['auto', ...TEXT_FORMATS, ...SOURCE_FORMATS];

const WORDS: Partial<Record<FormatChoice, string>> = {
  auto: 'Recognise the format',
  raw_text: 'Plain text, a line each',
  raw_text_paragraphs: 'Plain text, a paragraph each',
  raw_text_whole: 'Plain text, the whole file',
};

/** What a person may say about how files are to be read. Source formats go by their own names. */
export const FORMAT_OPTIONS = CHOICES.map((choice) => ({ value: optionOf(choice), label: WORDS[choice] ?? choice }));

/** The value of its option: an empty one stands for no choice. */
export function optionOf(format: FormatChoice): string {
  return format === 'auto' ? '' : format;
}

/** `auto` for everything that is no format of this version. */
export function knownFormat(value: string | undefined): FormatChoice {
  return CHOICES.find((choice) => choice === value) ?? 'auto';
}
