import { z } from 'zod';
import type { JsonObject } from '@/lib/db/schema.ts';
import { LongshoreError } from '@/lib/errors.ts';
import type { ClaimedJob } from '@/lib/jobs/job.ts';
import { PermanentFailure } from '@/lib/jobs/outcome.ts';
import { DEPLOY_TARGETS } from '@/lib/training/deploy-targets/deploy-target.ts';
import { TRAINERS } from '@/lib/training/preflight.ts';

/** The types under which the steps of a workflow are queued. */
export const DAG_STEPS = ['preprocessing', 'validation', 'training', 'deployment'] as const;
export type DagStepName = (typeof DAG_STEPS)[number];

/** Kept in the queue as it is: no variables for machines, which may be secrets. */
const config = z.strictObject({
  command: z.union([z.string(), z.array(z.string())]).optional(),
  hyperparameters: z.record(z.string(), z.unknown()).optional(),
});

const step = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('preprocessing'),
    /** Share of the records to be held out, the same ones for the same seed. */
    validation_share: z.number().min(0).max(0.5).default(0.1),
    seed: z.number().int().min(0).default(0),
  }),
  z.strictObject({ type: z.literal('validation'), trainer: z.enum(TRAINERS).optional() }),
  z.strictObject({ type: z.literal('training'), config: config.default({}) }),
  z.strictObject({
    type: z.literal('deployment'),
    target: z.enum(DEPLOY_TARGETS),
    machine: z.record(z.string(), z.unknown()).default({}),
    config: config.default({}),
    trainer: z.enum(TRAINERS).optional(),
  }),
]);
export type DagStep = z.output<typeof step>;
export type StepOf<Name extends DagStepName> = Extract<DagStep, { type: Name }>;

/** By its id, or by the path that an application from before Longshore knows it by. */
const source = z.union([
  z.strictObject({ dataset_id: z.string().min(1).max(128) }),
  z.strictObject({ storage_path: z.string().min(1).max(1024) }),
]);
export type DagSource = z.output<typeof source>;

export const dagRequest = z.strictObject({ dataset: source, steps: z.array(step).min(1).max(20) });
export type DagRequest = z.input<typeof dagRequest>;

const payload = dagRequest.extend({
  dag_id: z.string(),
  at: z.number().int().min(0),
  /** What the steps before found, in their order. */
  results: z.array(z.record(z.string(), z.unknown())),
});
export type DagPayload = z.output<typeof payload>;

/** Which workflow a step belongs to. */
export interface DagPlace {
  jobId: string;
  userId: string;
  payload: DagPayload;
}

/** One step of one workflow, as its job carries it. */
export interface DagWork<Name extends DagStepName> extends DagPlace {
  step: StepOf<Name>;
}

/** @throws PermanentFailure for a job that no workflow made */
export function workOf<Name extends DagStepName>(job: ClaimedJob, name: Name): DagWork<Name> {
  const read = payload.safeParse(job.payload);
  const found = read.success ? read.data.steps[read.data.at] : undefined;
  if (!read.success || found?.type !== name || job.userId === null) {
    throw new PermanentFailure(
      new LongshoreError('invalid_step', `This ${name} job does not say what to do for whom.`, {
        hint: 'Start workflows with TrainingDag.start.',
      }),
    );
  }
  return { jobId: job.id, userId: job.userId, payload: read.data, step: found as StepOf<Name> };
}

/** The job of the step at `at`. Its key makes a second one of the same step impossible. */
export function stepJob(userId: string, content: DagPayload) {
  const type = content.steps[content.at]?.type;
  if (type === undefined) return undefined;
  const json: JsonObject = { ...content };
  return { type, userId, payload: json, dedupeKey: `dag:${content.dag_id}:${content.at}` };
}
