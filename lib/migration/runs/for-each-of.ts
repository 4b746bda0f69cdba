/** Runs `work` on every value, so many at a time. After a failure none is begun; it is thrown when the rest has ended. */
export async function forEachOf<T>(
  values: readonly T[],
  atATime: number,
  work: (value: T) => Promise<void>,
): Promise<void> {
  const waiting = values.values();
  let failed = false;
  const worker = async () => {
    for (const value of waiting) {
      if (failed) return;
      await work(value).catch((error: unknown) => {
        failed = true;
        throw error;
      });
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: atATime }, worker));
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}
