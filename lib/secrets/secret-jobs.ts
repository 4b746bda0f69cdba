import type { JobQueue } from '@/lib/jobs/queue.ts';
import type { JobRunner } from '@/lib/jobs/runner.ts';
import type { Schedules } from '@/lib/jobs/schedules.ts';
import type { Secrets } from '@/lib/secrets/secrets.ts';

const REWRAP = 'secrets.rewrap';
const RETIRE = 'secrets.retire';
const RETIRE_EVERY_MS = 3_600_000;
/** Longer than any transfer that began with the old credentials. */
const RETIRE_GRACE_MS = 24 * 3_600_000;

/** Names this process as one that does the background work of secrets. MUST be called before the runner starts. */
export function registerSecretJobs(
  runner: JobRunner,
  { rotation, manager }: Pick<Secrets, 'rotation' | 'manager'>,
): void {
  runner.register(REWRAP, (_job, { signal, progress }) =>
    rotation.run({ signal, onProgress: (done) => progress({ ...done }) }),
  );
  runner.register(RETIRE, async () => ({ retired: await manager.retireUnused(RETIRE_GRACE_MS) }));
}

/** At every start: a master key that was replaced since the last one is carried through all secrets. */
export async function enqueueSecretJobs(
  parts: { queue: JobQueue; schedules: Schedules },
  { rotation }: Pick<Secrets, 'rotation'>,
): Promise<void> {
  await parts.schedules.ensure({ name: RETIRE, jobType: RETIRE, everyMs: RETIRE_EVERY_MS });
  if (await rotation.isNeeded()) await parts.queue.enqueue({ type: REWRAP, dedupeKey: REWRAP });
}
