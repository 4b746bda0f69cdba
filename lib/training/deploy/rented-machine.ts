import {
  type RemoteMachine,
  type RemoteReference,
  type RemoteStatus,
  remoteName,
} from '@/lib/training/deploy-targets/deploy-target.ts';
import type { RemoteResource, TrainingJob } from '@/lib/training/jobs/training-job.ts';

/** How a rented machine is written into the job's row, and read from there. Nothing in it is secret. */
type JobAtAttempt = Pick<TrainingJob, 'id' | 'attempt' | 'target'>;

/** Written before the provider is asked: from then on a crash leaves nothing that is not found again by its name. */
export function creating(job: JobAtAttempt, region: string | undefined, now: Date): RemoteResource {
  const details = { name: remoteName(job), since: now.toISOString() };
  return { provider: job.target, state: 'creating', ...(region === undefined ? {} : { region }), details };
}

export function made(before: RemoteResource, machine: RemoteMachine): RemoteResource {
  const { id, region, state, consoleUrl, logUrl, costUsdPerHour } = machine;
  return {
    ...before,
    ...{ id, state },
    ...(region === undefined ? {} : { region }),
    ...(consoleUrl === undefined ? {} : { console_url: consoleUrl }),
    details: {
      ...before.details,
      ...(logUrl === undefined ? {} : { log_url: logUrl }),
      ...(costUsdPerHour === undefined ? {} : { usd_per_hour: costUsdPerHour }),
    },
  };
}

/** With what the provider says of it now; the same object when that is nothing new. */
export function seen(before: RemoteResource, { state, costUsdPerHour }: RemoteStatus): RemoteResource {
  const cost = costUsdPerHour ?? before.details?.usd_per_hour;
  if (state === before.state && cost === before.details?.usd_per_hour) return before;
  return { ...before, state, details: { ...before.details, ...(cost === undefined ? {} : { usd_per_hour: cost }) } };
}

export function referenceOf(job: JobAtAttempt & { userId: string }, remote: RemoteResource): RemoteReference {
  const name = typeof remote.details?.name === 'string' ? remote.details.name : remoteName(job);
  return { userId: job.userId, name, id: remote.id, region: remote.region };
}

/** Since the provider was first asked for it. */
export function ageMs({ details }: RemoteResource, now: Date): number {
  const since = typeof details?.since === 'string' ? Date.parse(details.since) : Number.NaN;
  return Number.isNaN(since) ? Number.POSITIVE_INFINITY : now.getTime() - since;
}
