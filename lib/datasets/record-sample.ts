import { createHash } from 'node:crypto';

/**
 * `size` different numbers below `total`, ascending (all of them where there are fewer). The same seed always gives the
 * same numbers: Floyd's algorithm over a hash of seed and step.
 */
export function chooseSample(total: number, { size, seed }: { size: number; seed: number }): number[] {
  const chosen = new Set<number>();
  for (let upper = Math.max(0, total - size); upper < total; upper += 1) {
    const candidate = below(upper + 1, seed, upper);
    chosen.add(chosen.has(candidate) ? upper : candidate);
  }
  return [...chosen].sort((a, b) => a - b);
}

/** A number in [0, limit): 48 bits of a hash, so the bias is below one in a hundred thousand for 2^31 records. */
function below(limit: number, seed: number, step: number): number {
  const bits = createHash('sha256').update(`${seed} ${step}`).digest().readUIntBE(0, 6);
  return bits % limit;
}
