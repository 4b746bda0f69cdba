import type { Accounts } from '@/lib/composition/accounts.ts';
import type { DatasetParts } from '@/lib/composition/datasets.ts';
import type { PlacementParts } from '@/lib/composition/placement.ts';
import type { MasterKey, MasterKeys } from '@/lib/config/master-key.ts';
import type { Database } from '@/lib/db/database.ts';
import { newId } from '@/lib/db/ids.ts';
import type { EventHub } from '@/lib/http/events.ts';
import { Loop } from '@/lib/jobs/loop.ts';
import type { JobQueue } from '@/lib/jobs/queue.ts';
import type { Logger } from '@/lib/observability/logger.ts';
import { JobDatasets } from '@/lib/training/jobs/job-dataset.ts';
import { type EnvironmentKey, JobEnvironments } from '@/lib/training/jobs/job-environments.ts';
import { JobFollower } from '@/lib/training/jobs/job-follower.ts';
import { JobKeys } from '@/lib/training/jobs/job-keys.ts';
import { JobReaper, type JobReaperParts } from '@/lib/training/jobs/job-reaper.ts';
import { JobTransitions } from '@/lib/training/jobs/job-transitions.ts';
import { RemoteEnder, type RemoteResources } from '@/lib/training/jobs/remote-resources.ts';
import { TrainingJobRepository } from '@/lib/training/jobs/training-job-repository.ts';
import { TrainingJobService } from '@/lib/training/jobs/training-job-service.ts';
import { WorkerReports } from '@/lib/training/jobs/worker-reports.ts';

export interface TrainingGround {
  db: Database;
  jobs: JobQueue;
  log: Logger;
  events: EventHub;
  accounts: Accounts;
  keys: MasterKeys;
  /** Where workers reach this installation. */
  baseUrl: URL;
  /** Ends what a provider rents out. */
  resources: RemoteResources;
}

/** How often silent jobs are looked for. */
const REAP_MS = 5_000;

/** Training jobs: made, worked on, followed, and ended. */
export type TrainingParts = ReturnType<typeof composeTraining>;

export function composeTraining(ground: TrainingGround, placed: PlacementParts, { datasets, urls }: DatasetParts) {
  const { db, jobs: queue, log, events, accounts, baseUrl, resources } = ground;
  const jobs = new TrainingJobRepository(db);
  const follower = new JobFollower(jobs);
  const remotes = new RemoteEnder({ db, jobs, queue, resources });
  const transitions = new JobTransitions({
    jobs,
    remotes,
    changed: (job) => {
      follower.wake(job.id);
      events.publish(job.userId, { topic: 'job', type: job.state, subject: job.id });
    },
  });
  const issueToken = accounts.jobTokens.issue.bind(accounts.jobTokens);
  const environments = new JobEnvironments(environmentKeys(ground.keys));
  const service = new TrainingJobService({
    ...{ db, jobs, transitions, remotes, environments, datasets, baseUrl, issueToken, newId },
    keys: new JobKeys(db),
  });
  const reports = new WorkerReports({ db, jobs, transitions });
  const located = new JobDatasets({ reports, jobs, datasets, replicas: placed.replicas, urls, queue });
  const makeReaper = (more: Pick<JobReaperParts, 'now' | 'listeningSince'> = {}) =>
    new JobReaper({ db, jobs, transitions, ...more });
  const reaper = makeReaper();
  const reaping = new Loop({ name: 'reap training jobs', everyMs: REAP_MS, work: () => reap(reaper, log), log });
  return {
    ...{ service, repository: jobs, reports, datasets: located, follower, remotes, makeReaper },
    start: () => reaping.start(),
    stop: async () => {
      follower.close();
      await reaping.stop();
    },
  };
}

async function reap(reaper: JobReaper, log: Logger): Promise<boolean> {
  const reaped = await reaper.reap();
  for (const { id, state, error } of reaped) log.warn({ job: id, state, code: error?.code }, 'a training job was late');
  return false;
}

/** What was sealed under a replaced master key still opens. */
function environmentKeys({ current, previous, derive }: MasterKeys): [EnvironmentKey, ...EnvironmentKey[]] {
  const derived = (key: MasterKey) => ({ id: key.id, bytes: derive('job-environment', key) });
  return [derived(current), ...previous.map(derived)];
}
