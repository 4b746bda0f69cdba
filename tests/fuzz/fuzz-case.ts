import { gzipSync } from 'node:zlib';
import { type FormatChoice, SOURCE_FORMATS, TEXT_FORMATS } from '@/lib/ingest/types.ts';
import type { Seed } from './corpus.ts';
import { mutate } from './mutate.ts';
import { Choices } from './random.ts';

const MOST_CHUNKS = 20_000;

/** Everything that one run of ingest is given. */
export interface FuzzCase {
  bytes: Buffer;
  fileName: string;
  format: FormatChoice;
  onError: 'fail' | 'skip';
  chunkSizes: number[];
  maxRecordBytes: number;
}

/** Case `number` of a seed. It depends on these two and on the corpus alone. */
export function fuzzCase(seeds: readonly Seed[], seed: number, number: number): FuzzCase {
  const choices = new Choices(seed, number);
  const [first, second] = [choices.pick(seeds), choices.pick(seeds)];
  const mutated = mutate(first.bytes, choices, second.bytes);
  const repacked = choices.chance(0.1);
  return {
    bytes: repacked ? gzipSync(mutated) : mutated,
    fileName: choices.chance(0.8) ? first.name : second.name,
    format: choices.chance(0.75) ? 'auto' : choices.pick([...TEXT_FORMATS, ...SOURCE_FORMATS]),
    onError: choices.chance(0.5) ? 'skip' : 'fail',
    chunkSizes: chunkSizes(choices, mutated.byteLength),
    maxRecordBytes: choices.pick([200, 100_000, 32 << 20]),
  };
}

/** A large file in chunks of one byte would try the runtime's promises for seconds, and nothing of ours. */
function chunkSizes(choices: Choices, sizeBytes: number): number[] {
  const least = Math.ceil(sizeBytes / MOST_CHUNKS);
  const sizes = [1, 3, 17, 100, 1000, 65_536];
  return Array.from({ length: choices.between(1, 4) }, () => Math.max(least, choices.pick(sizes)));
}
