import { FLAG, KEY_SHIFT, type Tape, TYPE } from './tape.ts';

/** Keys that some format gives a meaning to. A key's number is its place here plus one. */
const KEY_NAMES = [
  'messages',
  'role',
  'content',
  'from',
  'value',
  'conversations',
  'conversation',
  'dialogue',
  'texts',
  'interactions',
  'name',
  'weight',
  'tool_calls',
  'tool_call_id',
  'function_call',
  'function',
  'arguments',
  'id',
  'type',
  'text',
  'tools',
  'functions',
  'available_tools',
  'parallel_tool_calls',
  'response_format',
  'reasoning_content',
  'reasoning',
  'thinking',
  'refusal',
  'audio',
  'images',
  'videos',
  'audios',
  'image',
  'video',
  'chat_template_kwargs',
  'metadata',
  'system',
  'system_prompt',
  'instruction',
  'input',
  'output',
  'response',
  'context',
  'history',
  'prompt',
  'completion',
  'generation',
  'chosen',
  'rejected',
  'margin',
  'question',
  'answer',
  'answers',
  'query',
  'choices',
  'article',
  'label',
  'labels',
  'kto_tag',
  'completions',
  'input_ids',
  'attention_mask',
  'preferred_output',
  'non_preferred_output',
  'contents',
  'parts',
  'systemInstruction',
  'system_instruction',
  'schemaVersion',
  'ground_truth',
  'reference_answer',
  'reward_model',
  'solution',
  'verifier',
  'reward',
  'score',
  'instances',
  'segments',
  'sentence',
  'premise',
  'hypothesis',
  'target',
  'sentiment',
  'intent',
  'document',
  'raw_content',
  'chosen_response',
  'rejected_response',
  'chosen_messages',
  'rejected_messages',
  'rejected_message',
  'response_j',
  'response_k',
  'chat',
  'human',
  'assistant',
  'loss_weight',
  'loss',
  'train',
  'train_detail',
  'loss_scale',
  'message',
  'image_url',
  'url',
  'detail',
  'parameters',
  'description',
  'rank',
  'tool_use_id',
  'tool_use',
  'tool_result',
  'toolUse',
  'toolResult',
  'functionCall',
  'functionResponse',
  'function_response',
  'args',
  'source',
  'media_type',
  'data',
  'only_last',
  'constraints',
  'text_pair',
  'INSTRUCTION',
  'RESPONSE',
  'SOURCE',
  'METADATA',
  'positive',
  'function_description',
  'toolUseId',
  'reasoningContent',
  'reasoningText',
  'is_error',
  'toolConfig',
  'inlineData',
  'fileData',
  'mimeType',
  'fileUri',
  'status',
  'json',
  'toolSpec',
  'inputSchema',
  'functionDeclarations',
  'function_declarations',
  'prefix',
  'token_type_ids',
  'position_ids',
  'category',
  'signature',
  'generationConfig',
  'speaker',
  'user',
  'bot',
  'thought',
  'message_tree_id',
  'task_id',
  'canonical_solution',
  'input_schema',
  'cache_control',
  'alpaca',
  'qa',
] as const;

export type KeyName = (typeof KEY_NAMES)[number];

/** Numbers of the known keys. */
export const K: Readonly<Record<KeyName, number>> = Object.freeze(
  Object.fromEntries(KEY_NAMES.map((name, i) => [name, i + 1])),
) as Record<KeyName, number>;
export const KEY_COUNT: number = KEY_NAMES.length + 1;

export function keyName(id: number): string {
  return KEY_NAMES[id - 1] ?? '';
}

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
