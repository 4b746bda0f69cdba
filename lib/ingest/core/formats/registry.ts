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
