import { FLAG, KEY_SHIFT, type Tape, TYPE } from './tape.ts';

/**
 * Numbers of the keys that some format gives a meaning to: 1 upwards without gaps. A literal, so that reading a number is
 * one load.
 */
export const K = {
  messages: 1,
  role: 2,
  content: 3,
  from: 4,
  value: 5,
  conversations: 6,
  conversation: 7,
  dialogue: 8,
  texts: 9,
  interactions: 10,
  name: 11,
  weight: 12,
  tool_calls: 13,
  tool_call_id: 14,
  function_call: 15,
  function: 16,
  arguments: 17,
  id: 18,
  type: 19,
  text: 20,
  tools: 21,
  functions: 22,
  available_tools: 23,
  parallel_tool_calls: 24,
  response_format: 25,
  reasoning_content: 26,
  reasoning: 27,
  thinking: 28,
  refusal: 29,
  audio: 30,
  images: 31,
  videos: 32,
  audios: 33,
  image: 34,
  video: 35,
  chat_template_kwargs: 36,
  metadata: 37,
  system: 38,
  system_prompt: 39,
  instruction: 40,
  input: 41,
  output: 42,
  response: 43,
  context: 44,
  history: 45,
  prompt: 46,
  completion: 47,
  generation: 48,
  chosen: 49,
  rejected: 50,
  margin: 51,
  question: 52,
  answer: 53,
  answers: 54,
  query: 55,
  choices: 56,
  article: 57,
  label: 58,
  labels: 59,
  kto_tag: 60,
  completions: 61,
  input_ids: 62,
  attention_mask: 63,
  preferred_output: 64,
  non_preferred_output: 65,
  contents: 66,
  parts: 67,
  systemInstruction: 68,
  system_instruction: 69,
  schemaVersion: 70,
  ground_truth: 71,
  reference_answer: 72,
  reward_model: 73,
  solution: 74,
  verifier: 75,
  reward: 76,
  score: 77,
  instances: 78,
  segments: 79,
  sentence: 80,
  premise: 81,
  hypothesis: 82,
  target: 83,
  sentiment: 84,
  intent: 85,
  document: 86,
  raw_content: 87,
  chosen_response: 88,
  rejected_response: 89,
  chosen_messages: 90,
  rejected_messages: 91,
  rejected_message: 92,
  response_j: 93,
  response_k: 94,
  chat: 95,
  human: 96,
  assistant: 97,
  loss_weight: 98,
  loss: 99,
  train: 100,
  train_detail: 101,
  loss_scale: 102,
  message: 103,
  image_url: 104,
  url: 105,
  detail: 106,
  parameters: 107,
  description: 108,
  rank: 109,
  tool_use_id: 110,
  tool_use: 111,
  tool_result: 112,
  toolUse: 113,
  toolResult: 114,
  functionCall: 115,
  functionResponse: 116,
  function_response: 117,
  args: 118,
  source: 119,
  media_type: 120,
  data: 121,
  only_last: 122,
  constraints: 123,
  text_pair: 124,
  INSTRUCTION: 125,
  RESPONSE: 126,
  SOURCE: 127,
  METADATA: 128,
  positive: 129,
  function_description: 130,
  toolUseId: 131,
  reasoningContent: 132,
  reasoningText: 133,
  is_error: 134,
  toolConfig: 135,
  inlineData: 136,
  fileData: 137,
  mimeType: 138,
  fileUri: 139,
  status: 140,
  json: 141,
  toolSpec: 142,
  inputSchema: 143,
  functionDeclarations: 144,
  function_declarations: 145,
  prefix: 146,
  token_type_ids: 147,
  position_ids: 148,
  category: 149,
  signature: 150,
  generationConfig: 151,
  speaker: 152,
  user: 153,
  bot: 154,
  thought: 155,
  message_tree_id: 156,
  task_id: 157,
  canonical_solution: 158,
  input_schema: 159,
  cache_control: 160,
  alpaca: 161,
  qa: 162,
} as const;

export type KeyName = keyof typeof K;

/** Number of a known key: a value of K. */
export type Key = number;

const KEY_NAMES = Object.keys(K) as KeyName[];
export const KEY_COUNT: number = KEY_NAMES.length + 1;

export function keyName(id: number): string {
  return KEY_NAMES[id - 1] ?? '';
}

/** Numbers of several keys. */
export function keyIds(names: readonly KeyName[]): readonly number[] {
  return names.map((name) => K[name]);
}

/** Top-level keys that tell formats apart. At most 64. */
const SHAPE_KEYS: readonly KeyName[] = [
  ...([
    'messages',
    'interactions',
    'conversations',
    'conversation',
    'dialogue',
    'texts',
    'contents',
    'schemaVersion',
  ] as const),
  ...([
    'input_ids',
    'input',
    'preferred_output',
    'non_preferred_output',
    'prompt',
    'completion',
    'completions',
  ] as const),
  ...(['labels', 'chosen', 'rejected', 'chosen_response', 'rejected_response', 'chosen_messages'] as const),
  ...(['rejected_messages', 'rejected_message', 'response_j', 'response_k', 'answers', 'label', 'kto_tag'] as const),
  ...(['ground_truth', 'reference_answer', 'reward_model', 'solution', 'answer', 'verifier', 'generation'] as const),
  ...(['response', 'reward', 'score', 'instances', 'instruction', 'INSTRUCTION', 'output', 'RESPONSE'] as const),
  ...(['question', 'query', 'tools', 'chat', 'segments', 'text', 'content', 'document', 'raw_content'] as const),
  ...(['sentence', 'premise', 'hypothesis', 'target', 'sentiment', 'intent'] as const),
];

/** Bit of each known key in a record's shape, in two words; 0 for keys that tell nothing. */
export const SHAPE_LOW = new Int32Array(KEY_COUNT);
export const SHAPE_HIGH = new Int32Array(KEY_COUNT);
SHAPE_KEYS.forEach((name, bit) => {
  if (bit < 32) SHAPE_LOW[K[name]] = 1 << bit;
  else SHAPE_HIGH[K[name]] = 1 << (bit - 32);
});

/** Keys whose presence anywhere in a record rules dialects in: bits of `Tape.keyMarks`. */
export const MARK = { lossWeight: 1, value: 2, untypedPart: 4 } as const;
export const KEY_MARKS = new Int32Array(KEY_COUNT);
KEY_MARKS[K.loss_weight] = MARK.lossWeight;
KEY_MARKS[K.value] = MARK.value;
for (const key of [K.text, K.image, K.video, K.toolUse, K.toolResult, K.reasoningContent])
  KEY_MARKS[key] = MARK.untypedPart;

/** A fixed set of short ASCII words, looked up by their bytes. */
export class WordTable {
  private readonly slots: Int32Array;
  private readonly hashes: Int32Array;
  private readonly words: Uint8Array[];
  private readonly mask: number;

  constructor(words: readonly string[]) {
    this.words = words.map((word) => new TextEncoder().encode(word));
    this.mask = 1 << (32 - Math.clz32(words.length * 4));
    this.slots = new Int32Array(this.mask).fill(-1);
    this.hashes = new Int32Array(words.length);
    this.mask--;
    this.words.forEach((word, i) => {
      this.add(word, i);
    });
  }

  /** Place of the word in the constructor's list, or -1. `hash` is `hashRange` of the same range. */
  find(view: DataView, start: number, end: number, hash: number): number {
    for (let slot = hash & this.mask; ; slot = (slot + 1) & this.mask) {
      const word = this.slots[slot] as number;
      if (word < 0) return -1;
      if (this.hashes[word] === hash && sameBytes(view, start, end, this.words[word] as Uint8Array)) return word;
    }
  }

  private add(word: Uint8Array, index: number): void {
    const padded = new Uint8Array(word.length + 8);
    padded.set(word);
    const hash = hashRange(new DataView(padded.buffer), 0, word.length);
    this.hashes[index] = hash;
    let slot = hash & this.mask;
    while ((this.slots[slot] as number) >= 0) slot = (slot + 1) & this.mask;
    this.slots[slot] = index;
  }
}

/** A quick hash of a short range: its length, first and last word. Equal ranges have equal hashes, no more. */
export function hashRange(view: DataView, start: number, end: number): number {
  const length = end - start;
  const mask = length >= 4 ? -1 : (1 << (length * 8)) - 1;
  const first = view.getInt32(start, true) & mask;
  const last = length >= 4 ? view.getInt32(end - 4, true) : first;
  const mixed = Math.imul(first ^ Math.imul(last, 0x85ebca6b) ^ length, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}

function sameBytes(view: DataView, start: number, end: number, word: Uint8Array): boolean {
  if (end - start !== word.length) return false;
  for (let i = 0; i < word.length; i++) if (view.getUint8(start + i) !== word[i]) return false;
  return true;
}

const KEY_TABLE = new WordTable(KEY_NAMES);

/**
 * Turns a scanned string node into a key node with its number. `start` and `end` are the range of the key's text without
 * escapes. The hash is kept for the comparison of keys.
 */
export function makeKey(tape: Tape, view: DataView, node: number, start: number, end: number): void {
  const hash = hashRange(view, start, end);
  const id = KEY_TABLE.find(view, start, end, hash) + 1;
  tape.cells[node] = ((tape.cells[node] as number) & FLAG.escaped) | TYPE.key | (id << KEY_SHIFT);
  tape.cells[node + 3] = hash;
}
