/**
 * Text that people wrote, which every checkout has: the Markdown, the read-me files and the licences of the installed
 * packages. Made-up words come from an even vocabulary, which compressors of any kind find easier to keep up with.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TextSource } from './data.ts';

const PROSE = /(\.md|(^|\/)(readme|licen[sc]e)[^/]*)$/i;
const LEAST_CHARACTERS = 30;
/** One in so many texts does not follow the one before it. */
const JUMP = 8;

let known: readonly string[] | undefined;

/** Every paragraph once, in the order of the files' names; the same for one set of installed packages. */
export function realParagraphs(): readonly string[] {
  known ??= readParagraphs();
  return known;
}

function readParagraphs(): string[] {
  const folder = fileURLToPath(new URL('../node_modules/', import.meta.url));
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && PROSE.test(entry.name))
    .map((entry) => `${entry.parentPath}/${entry.name}`)
    .sort();
  const paragraphs = files.flatMap((file) => readFileSync(file, 'utf8').split(/\r?\n\s*\n/));
  return [...new Set(paragraphs.map((text) => text.trim()).filter((text) => text.length > LEAST_CHARACTERS))];
}

/** Paragraphs as they follow each other, from another place now and then. */
export class RealText implements TextSource {
  readonly #random: () => number;
  readonly #paragraphs: readonly string[];
  #at = 0;

  constructor(random: () => number, paragraphs: readonly string[]) {
    this.#random = random;
    this.#paragraphs = paragraphs;
  }

  /** A paragraph for every two sentences. */
  paragraph(sentences: number): string {
    if (this.#random() < 1 / JUMP) this.#at = Math.floor(this.#random() * this.#paragraphs.length);
    const count = Math.ceil(sentences / 2);
    const texts = Array.from({ length: count }, (_, i) => this.#paragraphs[(this.#at + i) % this.#paragraphs.length]);
    this.#at = (this.#at + count) % this.#paragraphs.length;
    return texts.join('\n\n');
  }
}
