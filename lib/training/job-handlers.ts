import type { Database } from '@/lib/db/database.ts';
import { type IdGenerator, newId } from '@/lib/db/ids.ts';
import type { JsonObject } from '@/lib/db/schema.ts';
import type { JobContext, JobHandler } from '@/lib/jobs/handler.ts';
import type { JobQueue } from '@/lib/jobs/queue.ts';
import type { JobRunner } from '@/lib/jobs/runner.ts';
import type { TrainingJobService } from '@/lib/training/jobs/training-job-service.ts';
import {
  type DagPayload,
  type DagPlace,
  type DagRequest,
  type DagStepName,
  type DagWork,
  dagRequest,
  stepJob,
  workOf,
} from './dag/dag-step.ts';
import type { ReadingSteps } from './dag/reading-steps.ts';
import type { TrainingSteps } from './dag/training-steps.ts';
import type { RentedJobs } from './deploy/rented-jobs.ts';

export interface TrainingDagParts {
  db: Database;
  queue: JobQueue;
  reading: ReadingSteps;
  training: TrainingSteps;
  made: Pick<RentedJobs, 'madeFor'>;
  jobs: Pick<TrainingJobService, 'cancel'>;
  newId?: IdGenerator;
}

type Step<Name extends DagStepName> = (work: DagWork<Name>, context: JobContext) => Promise<JsonObject>;

/**
 * Workflows of steps: `preprocessing` and `validation` read the dataset here, `training` makes a job for one's own
 * machines and `deployment` one for a rented machine, and both wait for its end. Each step is a job of the queue, and
 * queues the next one in the transaction of its own end: a crash repeats at most the step that was running, and a
 * training job is made once.
 */
export class TrainingDag {
  readonly #parts: TrainingDagParts;

  constructor(parts: TrainingDagParts) {
    this.#parts = parts;
  }

  /** MUST be called once, before the runner starts. */
  register(runner: Pick<JobRunner, 'register'>): void {
    const { reading, training } = this.#parts;
    const handlers: { [Name in DagStepName]: JobHandler } = {
      preprocessing: this.#handler('preprocessing', (work, context) => reading.preprocessing(work, context)),
      validation: this.#handler('validation', (work, context) => reading.validation(work, context)),
      training: this.#handler('training', (work) => training.training(work)),
      deployment: this.#handler('deployment', (work) => training.deployment(work)),
    };
    for (const [type, handler] of Object.entries(handlers)) runner.register(type, handler, { concurrency: 2 });
  }

  /** Queues the first step. Each later one is queued when the one before has ended well. Throws ZodError. */
  async start(userId: string, request: DagRequest): Promise<{ dagId: string; jobId: string }> {
    const dagId = (this.#parts.newId ?? newId)();
    const content = { ...dagRequest.parse(request), dag_id: dagId, at: 0, results: [] };
    const first = stepJob(userId, content);
    if (first === undefined) throw new Error('a workflow has a step');
    return { dagId, jobId: (await this.#parts.queue.enqueue(first)).id };
  }

  /** Ends a step and the training job that it waits for; the steps after it are never queued. */
  async cancel(userId: string, jobId: string): Promise<void> {
    const { queue, made, jobs } = this.#parts;
    if ((await queue.get(jobId))?.userId !== userId) return;
    await queue.cancel(jobId);
    const job = await made.madeFor(jobId);
    if (job !== undefined && job.finishedAt === null) await jobs.cancel(userId, job.id);
  }

  #handler<Name extends DagStepName>(name: Name, step: Step<Name>): JobHandler {
    return async (job, context) => {
      const work = workOf(job, name);
      const result = await step(work, context);
      await this.#end(context, work, result);
    };
  }

  async #end(context: JobContext, work: DagPlace, result: JsonObject): Promise<void> {
    const { db, queue } = this.#parts;
    const { payload, userId } = work;
    const next: DagPayload = { ...payload, at: payload.at + 1, results: [...payload.results, result] };
    await db.transaction(async (tx) => {
      await context.complete(tx, result);
      const following = stepJob(userId, next);
      if (following !== undefined) await queue.enqueue(following, tx);
    });
  }
}
