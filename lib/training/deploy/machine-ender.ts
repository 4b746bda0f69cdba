import { LongshoreError } from '@/lib/errors.ts';
import { RunLater } from '@/lib/jobs/outcome.ts';
import { type DeployTargets, targetNamed } from '@/lib/training/deploy-targets/deploy-targets.ts';
import type { RemoteResources } from '@/lib/training/jobs/remote-resources.ts';
import type { TrainingJob } from '@/lib/training/jobs/training-job.ts';
import { ageMs, referenceOf } from './rented-machine.ts';

/** A creation that nobody heard the answer of may still come to life for so long. */
const LATE_CREATION_MS = 10 * 60_000;
const LOOK_AGAIN_MS = 60_000;
const STILL_THERE_MS = 10_000;
/** Until somebody stores credentials that work. */
const LOCKED_OUT_MS = 15 * 60_000;

const LOCKED_OUT = new Set(['target_secret_missing', 'target_key_refused', 'target_forbidden', 'role_refused']);

/** Ends rented machines: asked again by the job queue until the provider says that nothing is there. */
export class MachineEnder implements RemoteResources {
  readonly #targets: DeployTargets;
  readonly #now: () => Date;

  constructor(parts: { targets: DeployTargets; now?: () => Date }) {
    this.#targets = parts.targets;
    this.#now = parts.now ?? (() => new Date());
  }

  /** @throws RunLater while it is still there, ProviderError */
  async end(job: TrainingJob): Promise<void> {
    const { remote } = job;
    if (remote === null || remote.state === 'ended') return;
    const outcome = await this.#tell(job, remote);
    if (outcome === 'ending') throw new RunLater(STILL_THERE_MS, 'The machine was told to end and is still there.');
    if (remote.id === undefined && ageMs(remote, this.#now()) < LATE_CREATION_MS) {
      throw new RunLater(LOOK_AGAIN_MS, 'Nobody knows yet whether the machine was made.');
    }
  }

  async #tell(job: TrainingJob, remote: NonNullable<TrainingJob['remote']>): Promise<'gone' | 'ending'> {
    try {
      return await targetNamed(this.#targets, remote.provider).end(referenceOf(job, remote));
    } catch (error) {
      if (!(error instanceof LongshoreError) || !LOCKED_OUT.has(error.code)) throw error;
      throw new RunLater(LOCKED_OUT_MS, `${error.message} The machine may still run and cost money.`);
    }
  }
}
