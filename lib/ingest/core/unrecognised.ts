import type { RecordContext } from './record.ts';
import { NODE, TYPE } from './tape.ts';

const SHOWN_KEYS = 12;

/** Shapes that are known and not training records of any kind here, with what to do about them. */
const LOOKALIKES: readonly { keys: readonly string[]; hint: string }[] = [
  { keys: ['query', 'positive'], hint: 'These are embedding pairs; only generative formats are taken.' },
  { keys: ['message_tree_id'], hint: 'This is an Open-Assistant message tree: export one path a record as messages.' },
  { keys: ['question', 'function'], hint: 'This is a function-calling benchmark: write messages with tools.' },
  { keys: ['task_id', 'completion'], hint: 'These are completions without prompts: join them with their prompts.' },
  { keys: ['message'], hint: 'The nearest format is text: rename the key "message" to "text".' },
  { keys: ['response'], hint: 'Add "instruction" or "prompt", or rename "response" to "text" for pretraining.' },
  { keys: ['output'], hint: 'Add "instruction" or "input", or rename "output" to "text" for pretraining.' },
  { keys: ['completion'], hint: 'Add "prompt".' },
];

/** The keys of a record that no format has, and the nearest format. */
export function describeKeys(record: RecordContext): { keys: string; hint: string } {
  const { tape, root } = record;
  if (tape.type(root) !== TYPE.object) {
    return {
      keys: 'of an array',
      hint: 'An array must be a list of messages: [{"role": "user", "content": "..."}, ...].',
    };
  }
  const names = keysOf(record, root);
  const lookalike = LOOKALIKES.find(({ keys }) => keys.every((key) => names.includes(key)));
  const hint =
    lookalike?.hint ??
    'Write {"messages": [...]}, {"prompt", "completion"}, {"prompt", "chosen", "rejected"} or {"text"}.';
  return { keys: listed(names), hint };
}

/** What an object that lacks a field has instead: most often the field, misspelt. Nothing where it is no object. */
export function describeFields(record: RecordContext, node: number): string | undefined {
  if (record.tape.type(node) !== TYPE.object) return undefined;
  const names = keysOf(record, node);
  return names.length === 0 ? 'The object is empty.' : `The object has: ${listed(names)}.`;
}

function keysOf(record: RecordContext, node: number): string[] {
  const { tape } = record;
  const names: string[] = [];
  for (let key = node + NODE; key < tape.limit(node); key = tape.after(key + NODE))
    names.push(record.text(key).slice(0, 60));
  return names;
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN_KEYS).map((name) => JSON.stringify(name));
  if (names.length > SHOWN_KEYS) shown.push(`and ${names.length - SHOWN_KEYS} more`);
  return shown.length === 0 ? '(none)' : shown.join(', ');
}
