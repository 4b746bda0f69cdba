import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';

/** Numbers in [0, 1) that a seed decides. */
export type Random = () => number;

export function seededRandom(seed: string): Random {
  let step = 0;
  return () => {
    step += 1;
    return createHash('sha256').update(`${seed} ${step}`).digest().readUInt32BE(0) / 2 ** 32;
  };
}

/** What is wrong with a dataset of the old application; `fine` with most. */
export const ANOMALIES = [
  ...(['object_missing', 'size_differs', 'not_gzip', 'not_jsonl', 'gzip_damaged', 'empty_object'] as const),
  ...(['duplicate_path', 'foreign_path', 'unsafe_path', 's3_good', 's3_other', 's3_missing', 's3_null'] as const),
] as const;
export type Anomaly = (typeof ANOMALIES)[number] | 'fine';

export interface CastDataset {
  id: string;
  userId: string;
  sizeBytes: number;
  anomaly: Anomaly;
}

const SMALLEST = 1000;
/**
 * Sizes are SMALLEST * (largest / SMALLEST) ^ (u ^ SKEW), u evenly spread: at 20,000 datasets up to 200 MB this makes
 * 20 GB, as many small ones and few large ones as people have.
 */
const SKEW = 18;

/** The datasets of a rehearsal: the same for the same seed. Every anomaly occurs. */
export function castOf(
  seed: number,
  options: { datasets: number; users: number; largestBytes: number },
): CastDataset[] {
  const random = seededRandom(`cast ${seed}`);
  const { datasets, users, largestBytes } = options;
  return Array.from({ length: datasets }, (_, at) => {
    const u = (at + random()) / datasets;
    return {
      id: idOf(`dataset ${seed} ${at}`),
      userId: idOf(`user ${seed} ${Math.floor(random() * users)}`),
      sizeBytes: Math.round(SMALLEST * (largestBytes / SMALLEST) ** (u ** SKEW)),
      anomaly: anomalyOf(at, random),
    };
  });
}

/** The smallest ones have one each; of the others two in a hundred. */
function anomalyOf(at: number, random: Random): Anomaly {
  const certain = ANOMALIES[at];
  if (certain !== undefined) return certain;
  return random() < 0.02 ? (ANOMALIES[Math.floor(random() * ANOMALIES.length)] ?? 'fine') : 'fine';
}

/** A UUID that a text decides. */
export function idOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

const FILLER = `${JSON.stringify({
  messages: [
    { role: 'user', content: `Tell me about the sea. ${'waves and tides '.repeat(20)}` },
    { role: 'assistant', content: `It is deep. ${'salt and wind '.repeat(20)}` },
  ],
})}\n`;

/** A dataset as the old application stored it, of about this size. Not compressed further, so that size is work. */
export function objectOf(name: string, sizeBytes: number): Buffer {
  const first = `${JSON.stringify({
    messages: [
      { role: 'user', content: name },
      { role: 'assistant', content: 'Yes.' },
    ],
  })}\n`;
  const fillers = Math.max(0, Math.floor((sizeBytes - first.length) / FILLER.length));
  return gzipSync(Buffer.concat([Buffer.from(first), Buffer.alloc(fillers * FILLER.length, FILLER)]), { level: 0 });
}

/** The object that the anomaly makes of it; undefined for none. */
export function storedObject({ id, sizeBytes, anomaly }: CastDataset): Buffer | undefined {
  if (anomaly === 'object_missing') return undefined;
  if (anomaly === 'empty_object') return Buffer.alloc(0);
  if (anomaly === 'not_gzip') return Buffer.from(`plain text of ${id}`);
  if (anomaly === 'not_jsonl') return gzipSync(`name,age\n${id},36\n`);
  const object = objectOf(id, sizeBytes);
  return anomaly === 'gzip_damaged' ? object.subarray(0, object.length - 5) : object;
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
