import type { FormatChoice, SourceFormat } from '@/lib/ingest/types.ts';
import type { Draft } from '../draft.ts';
import { foldKeys } from '../fold-keys.ts';
import type { RecordContext } from '../record.ts';
import type { FormatReader } from './format.ts';
import { alpaca, openorca, qa, queryResponse, selfInstruct, xlam } from './instruction.ts';
import { bareMessages, bedrockConverse, llamafactoryV1, messages, sharegpt, swiftPairs } from './messages.ts';
import { kto, openaiPreference, ranked } from './more-pairs.ts';
import { inputOutput, promptCompletion, promptOnly, promptResponse, rlPrompt, scored } from './pairs.ts';
import { chatmlText, classification, stepwise, templateFree, text, tokenized } from './plain.ts';
import { preference } from './preference.ts';
import { pretrain } from './pretrain.ts';
import { gemini, glaiveRaw } from './providers.ts';

/** Formats in the order of their precedence: the first that matches is the record's. */
export const READERS: readonly FormatReader[] = [
  bareMessages,
  tokenized,
  openaiPreference,
  stepwise,
  preference,
  ranked,
  kto,
  gemini,
  bedrockConverse,
  llamafactoryV1,
  pretrain,
  messages,
  sharegpt,
  swiftPairs,
  rlPrompt,
  promptCompletion,
  scored,
  promptResponse,
  selfInstruct,
  alpaca,
  openorca,
  queryResponse,
  qa,
  xlam,
  glaiveRaw,
  templateFree,
  inputOutput,
  classification,
  promptOnly,
  chatmlText,
  text,
];

/** The format that the caller chose; undefined for detection. */
export function chosenFormat(choice: FormatChoice): SourceFormat | undefined {
  if (choice === 'auto') return undefined;
  return choice === 'raw_text' ? 'text' : choice;
}

/**
 * The reader of a record: of the chosen format when the record has its shape, else of the first that matches. Where none
 * does, keys are taken for the known ones that differ in case only.
 */
export function findReader(
  record: RecordContext,
  draft: Draft,
  chosen: SourceFormat | undefined,
): FormatReader | undefined {
  const found = match(record, chosen);
  if (found !== undefined || !foldKeys(record, draft)) return found;
  return match(record, chosen);
}

function match(record: RecordContext, chosen: SourceFormat | undefined): FormatReader | undefined {
  if (chosen !== undefined) {
    for (const reader of READERS) if (reader.format === chosen && reader.matches(record)) return reader;
  }
  for (const reader of READERS) if (reader.matches(record)) return reader;
  return undefined;
}
