import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RealText, realParagraphs } from './real-text.ts';

/** What the records look like, and whose words they are: made up, or those of `real-text.ts`. */
export type SampleKind = 'chat' | 'alpaca' | 'real-chat' | 'real-alpaca';

/** Where the text of records comes from. */
export interface TextSource {
  paragraph(sentences: number): string;
}

const CHUNK_BYTES = 4 * 1024 * 1024;
const LETTERS = 'etaoinshrdlucmfwypvbgkjqxz';
const ENDINGS = ['.', '.', '.', '.', '.', '?', '!', '.\n\n', ' "é — ok".', ' (日本)', ';\n-'];

/** A small, fast, seeded generator (mulberry32): the same seed writes the same file everywhere. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Made-up prose: 6,000 words whose frequencies fall as in real text, so that it compresses about as real text does. */
class Prose implements TextSource {
  readonly #random: () => number;
  readonly #words: string[];

  constructor(random: () => number) {
    this.#random = random;
    this.#words = Array.from({ length: 6000 }, (_, rank) => this.#word(rank));
  }

  paragraph(sentences: number): string {
    return Array.from({ length: sentences }, () => this.#sentence())
      .join(' ')
      .trimEnd();
  }

  #word(rank: number): string {
    const length = 2 + Math.floor(this.#random() * Math.min(9, 2 + Math.log2(rank + 2)));
    return Array.from({ length }, () => LETTERS[Math.floor(this.#random() ** 1.8 * LETTERS.length)]).join('');
  }

  #sentence(): string {
    const count = 5 + Math.floor(this.#random() * 16);
    const words = Array.from(
      { length: count },
      () => this.#words[Math.floor(this.#random() ** 3 * this.#words.length)],
    );
    const text = words.join(' ');
    return text.charAt(0).toUpperCase() + text.slice(1) + ENDINGS[Math.floor(this.#random() * ENDINGS.length)];
  }
}

function chatRecord(prose: TextSource, random: () => number): unknown {
  const some = (most: number) => 1 + Math.floor(random() * most);
  const system = random() < 0.4 ? [{ role: 'system', content: prose.paragraph(some(2)) }] : [];
  const turns = Array.from({ length: some(4) }, () => [
    { role: 'user', content: prose.paragraph(some(3)) },
    { role: 'assistant', content: prose.paragraph(some(7)) },
  ]);
  return { messages: [...system, ...turns.flat()] };
}

function alpacaRecord(prose: TextSource, random: () => number): unknown {
  const some = (most: number) => 1 + Math.floor(random() * most);
  const input = random() < 0.5 ? prose.paragraph(some(3)) : '';
  return { instruction: prose.paragraph(1), input, output: prose.paragraph(some(6)) };
}

/**
 * Path of a JSONL file of about `sizeBytes` (never less) in the temporary folder, written once and kept for later runs.
 */
export async function sampleFile(kind: SampleKind, sizeBytes: number, seed = 1): Promise<string> {
  const hash = createHash('sha256').update(`${kind} ${sizeBytes} ${seed} v2`);
  if (kind.startsWith('real-')) for (const paragraph of realParagraphs()) hash.update(paragraph);
  const name = hash.digest('hex').slice(0, 12);
  const folder = join(tmpdir(), 'longshore-bench');
  const path = join(folder, `${kind}-${Math.round(sizeBytes / 1_048_576)}MiB-${name}.jsonl`);
  if (existsSync(path)) return path;
  await mkdir(folder, { recursive: true });
  await writeSample(`${path}.part`, kind, sizeBytes, seededRandom(seed));
  await rename(`${path}.part`, path);
  return path;
}

async function writeSample(path: string, kind: SampleKind, sizeBytes: number, random: () => number): Promise<void> {
  const prose = kind.startsWith('real-') ? new RealText(random, realParagraphs()) : new Prose(random);
  const record = kind.endsWith('chat') ? chatRecord : alpacaRecord;
  const file = await open(path, 'w');
  try {
    for (let written = 0; written < sizeBytes; ) {
      const wanted = Math.min(CHUNK_BYTES, sizeBytes - written);
      const lines: string[] = [];
      for (let bytes = 0; bytes < wanted; ) {
        const line = `${JSON.stringify(record(prose, random))}\n`;
        bytes += line.length;
        lines.push(line);
      }
      const chunk = Buffer.from(lines.join(''));
      await file.write(chunk);
      written += chunk.length;
    }
  } finally {
    await file.close();
  }
}
