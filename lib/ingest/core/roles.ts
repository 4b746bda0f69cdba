import { ROLE } from './draft.ts';
import { hashRange, WordTable } from './keys.ts';
import type { RecordContext } from './record.ts';
import { FLAG } from './tape.ts';

/** What a role word means: the canonical role in the low bits, and how it was written. */
export const ROLE_BITS = 7;
/** Not the canonical spelling. */
export const ROLE_ALIAS = 8;
/** An assistant message whose content is one or more tool calls as JSON. */
export const ROLE_CALLS = 16;
/** Plain text for continued pretraining. */
export const ROLE_PRETRAIN = 32;
/** White space stood around the word. */
export const ROLE_TRIMMED = 64;
/** Only where the key is `from`. */
const FROM_ONLY = 128;

const MEANINGS: Readonly<Record<string, number>> = {
  system: ROLE.system,
  developer: ROLE.developer,
  user: ROLE.user,
  human: ROLE.user | ROLE_ALIAS,
  prompter: ROLE.user | ROLE_ALIAS,
  usr: ROLE.user | ROLE_ALIAS,
  input: ROLE.user | ROLE_ALIAS | FROM_ONLY,
  assistant: ROLE.assistant,
  gpt: ROLE.assistant | ROLE_ALIAS,
  model: ROLE.assistant | ROLE_ALIAS,
  bot: ROLE.assistant | ROLE_ALIAS,
  chatbot: ROLE.assistant | ROLE_ALIAS,
  ai: ROLE.assistant | ROLE_ALIAS,
  output: ROLE.assistant | ROLE_ALIAS | FROM_ONLY,
  function_call: ROLE.assistant | ROLE_ALIAS | ROLE_CALLS,
  tool_call: ROLE.assistant | ROLE_ALIAS | ROLE_CALLS,
  functioncall: ROLE.assistant | ROLE_ALIAS | ROLE_CALLS,
  tool: ROLE.tool,
  function: ROLE.tool | ROLE_ALIAS,
  observation: ROLE.tool | ROLE_ALIAS,
  observations: ROLE.tool | ROLE_ALIAS,
  function_response: ROLE.tool | ROLE_ALIAS,
  tool_response: ROLE.tool | ROLE_ALIAS,
  ipython: ROLE.tool | ROLE_ALIAS,
  environment: ROLE.tool | ROLE_ALIAS,
  pretrain: ROLE.assistant | ROLE_ALIAS | ROLE_PRETRAIN,
};

const WORDS = Object.keys(MEANINGS);
const BY_PLACE = Int32Array.from(WORDS, (word) => MEANINGS[word] as number);
const TABLE = new WordTable(WORDS);

/** Meaning of the role in a string node, or 0 when it is none. `viaFrom`: the key is `from`, not `role`. */
export function roleMeaning(record: RecordContext, node: number, viaFrom: boolean): number {
  const { tape } = record;
  const view = record.workspace.view;
  const start = tape.start(node);
  const end = tape.end(node);
  const usual = usualRole(view, start, end - start);
  if (usual !== ROLE.none) return usual;
  let meaning = 0;
  if (!tape.has(node, FLAG.escaped)) {
    const place = TABLE.find(view, start, end, hashRange(view, start, end));
    if (place >= 0) meaning = BY_PLACE[place] as number;
  }
  if (meaning === 0) meaning = looseMeaning(record.text(node));
  return (meaning & FROM_ONLY) !== 0 && !viaFrom ? 0 : meaning;
}

const [USER, TOOL, ASSI, TANT, SYST, STEM] = ['user', 'tool', 'assi', 'tant', 'syst', 'stem'].map(wordOf);

function wordOf(text: string): number {
  return new DataView(new TextEncoder().encode(text).buffer).getInt32(0, true);
}

/** The canonical roles by comparing words: nearly every role is one of them. */
function usualRole(view: DataView, start: number, length: number): number {
  const word = view.getInt32(start, true);
  if (length === 4) return word === USER ? ROLE.user : word === TOOL ? ROLE.tool : ROLE.none;
  if (length === 9 && word === ASSI && view.getInt32(start + 5, true) === TANT) {
    return view.getUint8(start + 4) === 0x73 ? ROLE.assistant : ROLE.none;
  }
  return length === 6 && word === SYST && view.getInt32(start + 2, true) === STEM ? ROLE.system : ROLE.none;
}

function looseMeaning(text: string): number {
  const trimmed = text.trim();
  const word = trimmed.toLowerCase().replaceAll('-', '_');
  const meaning = Object.hasOwn(MEANINGS, word) ? (MEANINGS[word] as number) : 0;
  if (meaning === 0) return 0;
  return meaning | ROLE_ALIAS | (trimmed === text ? 0 : ROLE_TRIMMED);
}
