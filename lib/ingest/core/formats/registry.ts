import type { FormatChoice, SourceFormat } from '@/lib/ingest/types.ts';
import type { RecordContext } from '../record.ts';
import type { FormatReader } from './format.ts';
import { alpaca } from './instruction.ts';
import { bareMessages, messages, sharegpt } from './messages.ts';
import { inputOutput, promptCompletion, promptOnly } from './pairs.ts';
import { text } from './plain.ts';
import { preference } from './preference.ts';
import { pretrain } from './pretrain.ts';

/** Formats in the order of their precedence: the first that matches is the record's. */
export const READERS: readonly FormatReader[] = [
  bareMessages,
  preference,
  pretrain,
  messages,
  sharegpt,
  promptCompletion,
  alpaca,
  inputOutput,
  promptOnly,
  text,
];

/** The format that the caller chose; undefined for detection. */
export function chosenFormat(choice: FormatChoice): SourceFormat | undefined {
  if (choice === 'auto') return undefined;
  return choice === 'raw_text' ? 'text' : choice;
}

/** The reader of a record: of the chosen format when the record has its shape, else of the first that matches. */
export function findReader(record: RecordContext, chosen: SourceFormat | undefined): FormatReader | undefined {
  if (chosen !== undefined) {
    for (const reader of READERS) if (reader.format === chosen && reader.matches(record)) return reader;
  }
  for (const reader of READERS) if (reader.matches(record)) return reader;
  return undefined;
}
