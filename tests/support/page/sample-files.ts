/** Files as people bring them, made by a seed: the same every time. */
export interface SampleFile {
  name: string;
  description?: string;
  content: string;
}

const PLACES = ['north pier', 'south quay', 'ticket office', 'upper deck', 'lower deck', 'customs shed', 'slipway'];
const TOPICS = [
  'bicycles',
  'season tickets',
  'lost umbrellas',
  'night crossings',
  'freight bookings',
  'dogs',
  'wheelchairs',
];
const VERBS = ['change', 'book', 'cancel', 'find', 'pay for', 'ask about'];

export function sampleFiles(): SampleFile[] {
  return [
    conversations(
      'ferry-support-2026-q3.jsonl',
      1800,
      'Support chats of the ferry line, July to September, names removed',
    ),
    toolCalls('booking-agent-traces.jsonl', 420),
    preferences('answer-preferences-v2.jsonl', 640, 'Two answers each, chosen by the night shift'),
    alpaca('harbour-manual.alpaca.json', 310),
    classification('mail-routing.csv', 950),
    documents('pilot-handbook.txt', 260),
    conversations('customs-questions.jsonl', 240),
    conversations('freight-desk-2025.jsonl', 3100, 'The whole of last year'),
  ];
}

/** A file that is wrong in the ways that files are. */
export function brokenFile(): SampleFile {
  const good = (i: number) => JSON.stringify({ messages: chat(new Dice(i), 1) });
  const lines = Array.from({ length: 40 }, (_, i) => good(i));
  lines[6] = '{"messages": [{"role": "user", "content": "When does the boat leave?"},';
  lines[11] = JSON.stringify({
    messages: [
      { role: 'user', content: 'Hello?' },
      { role: 'captain', content: 'Aye.' },
    ],
  });
  lines[19] = JSON.stringify({ messages: [] });
  lines[27] = JSON.stringify({ prompt: 'Where is the slipway?', completion: 'Behind the customs shed.' });
  lines[33] = JSON.stringify({ messages: [{ role: 'assistant', content: '' }] });
  return { name: 'ferry-support-draft.jsonl', content: `${lines.join('\n')}\n` };
}

export function conversations(name: string, count: number, description?: string): SampleFile {
  const content = lines(count, (dice) => ({ messages: chat(dice, 1 + dice.below(4)) }));
  return { name, description, content };
}

function chat(dice: Dice, turns: number): { role: string; content: string }[] {
  const system = { role: 'system', content: "You answer for a harbour's ferry line. Be brief and exact." };
  const rounds = Array.from({ length: turns }, () => [
    { role: 'user', content: `How do I ${dice.of(VERBS)} ${dice.of(TOPICS)} at the ${dice.of(PLACES)}?` },
    { role: 'assistant', content: answer(dice) },
  ]);
  return [system, ...rounds.flat()];
}

function answer(dice: Dice): string {
  const sentences = Array.from(
    { length: 1 + Math.floor(dice.below(10) ** 1.4 / 3) },
    () =>
      `Go to the ${dice.of(PLACES)} and ask for ${dice.of(TOPICS)}; they open at ${6 + dice.below(5)}:${dice.of(['00', '15', '30'])}.`,
  );
  return sentences.join(' ');
}

function toolCalls(name: string, count: number): SampleFile {
  const content = lines(count, (dice) => {
    const id = `call_${dice.below(1e9).toString(36)}`;
    const call = {
      name: 'find_crossing',
      arguments: JSON.stringify({ from: dice.of(PLACES), seats: 1 + dice.below(6) }),
    };
    return {
      messages: [
        { role: 'user', content: `I need to ${dice.of(VERBS)} a crossing from the ${dice.of(PLACES)}.` },
        { role: 'assistant', content: '', tool_calls: [{ id, type: 'function', function: call }] },
        { role: 'tool', tool_call_id: id, content: `{"leaves":"${8 + dice.below(12)}:15","free":${dice.below(90)}}` },
        { role: 'assistant', content: answer(dice) },
      ],
      tools: [
        {
          type: 'function',
          function: {
            name: 'find_crossing',
            description: 'Finds a crossing with free seats',
            parameters: { type: 'object', properties: { from: { type: 'string' }, seats: { type: 'integer' } } },
          },
        },
      ],
    };
  });
  return { name, content };
}

export function preferences(name: string, count: number, description?: string): SampleFile {
  const content = lines(count, (dice) => ({
    prompt: `May I ${dice.of(VERBS)} ${dice.of(TOPICS)} on the ${dice.of(PLACES)} (${dice.below(9999)})?`,
    chosen: answer(dice),
    rejected: dice.of(['No.', 'Please read the manual.', 'I cannot help with that.', answer(dice)]),
  }));
  return { name, description, content };
}

function alpaca(name: string, count: number): SampleFile {
  const records = many(count, (dice) => ({
    instruction: `Explain how to ${dice.of(VERBS)} ${dice.of(TOPICS)}, case ${dice.below(99999)}.`,
    input: dice.below(3) === 0 ? `The person stands at the ${dice.of(PLACES)}.` : '',
    output: answer(dice),
  }));
  return { name, content: JSON.stringify(records, null, 1) };
}

function classification(name: string, count: number): SampleFile {
  const rows = many(
    count,
    (dice) =>
      `"I want to ${dice.of(VERBS)} ${dice.of(TOPICS)}, no ${dice.below(1e6)}",${dice.of(['tickets', 'freight', 'lost', 'other'])}`,
  );
  return { name, content: `text,label\n${rows.join('\n')}\n` };
}

function documents(name: string, count: number): SampleFile {
  return { name, content: `${many(count, (dice) => `${dice.below(1e6)}. ${answer(dice)}`).join('\n')}\n` };
}

function many<T>(count: number, make: (dice: Dice) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(new Dice(index * 7919 + count)));
}

function lines(count: number, make: (dice: Dice) => unknown): string {
  return many(count, make)
    .map((record) => `${JSON.stringify(record)}\n`)
    .join('');
}

/** Small, even enough, and the same everywhere (mulberry32). */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed ^ 0x9e3779b9) >>> 0;
  }

  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}
