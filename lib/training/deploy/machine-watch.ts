import type { Logger } from '@/lib/observability/logger.ts';
import type { RemoteStatus } from '@/lib/training/deploy-targets/deploy-target.ts';
import { type DeployTargets, targetNamed } from '@/lib/training/deploy-targets/deploy-targets.ts';
import { isJobOver, type JobError, type RemoteResource, type TrainingJob } from '@/lib/training/jobs/training-job.ts';
import type { TrainingJobService } from '@/lib/training/jobs/training-job-service.ts';
import type { RentedJobs } from './rented-jobs.ts';
import { ageMs, referenceOf, seen } from './rented-machine.ts';

export const DEPLOY_JOBS = {
  /** Looks after every rented machine. */
  watch: 'watch_rented_machines',
} as const;

/** Longer than a launch may take: whoever began it does not run any more. */
const LAUNCH_MS = 5 * 60_000;
/** Providers may not know at once what they have just made. */
const SETTLING_MS = 60_000;
const FIRST_PAUSE_MS = 15_000;
const LONGEST_PAUSE_MS = 10 * 60_000;
/** Questions at a time to one provider. */
const AT_A_TIME = 4;

export interface MachineWatchParts {
  rented: RentedJobs;
  jobs: Pick<TrainingJobService, 'observed' | 'settle'>;
  targets: DeployTargets;
  log: Logger;
  now?: () => Date;
}

/** After a question that failed. */
interface Silence {
  failures: number;
  untilMs: number;
}

/**
 * Asks the providers how the machines of open jobs are: one that died, vanished or was never finished ends its job with
 * the reason, and where no worker speaks for the job its progress is taken from there. A provider that does not answer is
 * asked less often, and ends nothing.
 */
export class MachineWatch {
  readonly #parts: MachineWatchParts;
  readonly #now: () => Date;
  readonly #silent = new Map<string, Silence>();

  constructor(parts: MachineWatchParts) {
    this.#parts = parts;
    this.#now = parts.now ?? (() => new Date());
  }

  /** One round. Returns how many machines were asked about. */
  async look(signal?: AbortSignal): Promise<number> {
    const { rented } = this.#parts;
    await rented.queueForgotten();
    const open = await rented.open();
    this.#forget(new Set(open.map(({ id }) => id)));
    const jobs = open.filter(({ id }) => (this.#silent.get(id)?.untilMs ?? 0) <= this.#now().getTime());
    const byProvider = groups(jobs);
    const rounds = [...byProvider.values()].map((mine) => inTurns(mine, AT_A_TIME, (job) => this.#one(job, signal)));
    await Promise.all(rounds);
    return jobs.length;
  }

  async #one(job: TrainingJob, signal?: AbortSignal): Promise<void> {
    try {
      if (job.remote !== null) await this.#examine(job, job.remote, signal);
      else if (this.#now().getTime() - job.attemptAt.getTime() > LAUNCH_MS) await this.#fail(job, LAUNCH_INTERRUPTED);
      this.#silent.delete(job.id);
    } catch (error) {
      if (signal?.aborted === true) throw error;
      if (isJobOver(error)) return;
      this.#pause(job, error);
    }
  }

  #forget(open: ReadonlySet<string>): void {
    for (const id of this.#silent.keys()) if (!open.has(id)) this.#silent.delete(id);
  }

  #pause(job: TrainingJob, error: unknown): void {
    const failures = (this.#silent.get(job.id)?.failures ?? 0) + 1;
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));
    this.#silent.set(job.id, { failures, untilMs: this.#now().getTime() + pauseMs });
    this.#parts.log.warn(
      { job: job.id, target: job.target, failures, err: error },
      'a rented machine cannot be looked at',
    );
  }

  async #examine(job: TrainingJob, remote: RemoteResource, signal?: AbortSignal): Promise<void> {
    if (remote.id === undefined) {
      if (ageMs(remote, this.#now()) > LAUNCH_MS) await this.#fail(job, LAUNCH_INTERRUPTED);
      return;
    }
    const status = await targetNamed(this.#parts.targets, remote.provider).describe(referenceOf(job, remote), signal);
    if (status.phase === 'gone' && ageMs(remote, this.#now()) < SETTLING_MS) return;
    const now = seen(remote, status);
    if (now !== remote) await this.#parts.jobs.observed(job, now);
    await this.#follow(job, status);
  }

  async #follow(job: TrainingJob, status: RemoteStatus): Promise<void> {
    const alone = job.config.unattended === true;
    switch (status.phase) {
      case 'running':
        if (alone) await this.#parts.jobs.settle(job, { state: 'running' });
        return;
      case 'completed':
        if (alone) await this.#parts.jobs.settle(job, { state: 'completed' });
        else await this.#fail(job, errorOf('machine_ended', 'The machine ended without a word of its worker', status));
        return;
      case 'failed':
        return this.#fail(job, errorOf('machine_failed', 'The machine failed', status));
      case 'stopped':
        return this.#fail(job, errorOf('machine_stopped', 'The machine was stopped', status));
      case 'gone':
        return this.#fail(job, errorOf('machine_gone', 'The provider does not know the machine any more', status));
      default:
    }
  }

  async #fail(job: TrainingJob, error: JobError): Promise<void> {
    await this.#parts.jobs.settle(job, { state: 'failed', error });
  }
}

const LAUNCH_INTERRUPTED: JobError = {
  code: 'launch_interrupted',
  message: 'Longshore stopped while the machine was being made.',
  hint: 'Nothing is left running. Deploy the job again.',
  stage: 'launch',
};

function errorOf(code: string, what: string, { state, reason }: RemoteStatus): JobError {
  const message = reason === undefined ? `${what} (${state}).` : `${what} (${state}): ${reason}`;
  return { code, message, hint: 'Look at the provider’s own log, and deploy the job again.', stage: 'machine' };
}

function groups(jobs: readonly TrainingJob[]): Map<string, TrainingJob[]> {
  const found = new Map<string, TrainingJob[]>();
  for (const job of jobs) found.set(job.target, [...(found.get(job.target) ?? []), job]);
  return found;
}

async function inTurns<T>(items: readonly T[], atATime: number, work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(atATime, items.length) }, worker));
}
