import { Readable } from 'node:stream';
import { z } from 'zod';
import type { TrainingParts } from '@/lib/composition/training.ts';
import { pageOf } from '@/lib/http/pagination.ts';
import { json, stream } from '@/lib/http/responses.ts';
import { JOB_STATES, trainingJobJson as showJob, TARGETS, type TrainingJob } from '@/lib/training/jobs/training-job.ts';
import type { TrainingJobEvent } from '@/lib/training/jobs/training-job-repository.ts';

/** A training job as the API shows it. */
export { showJob };

const seconds = (max: number) => z.number().positive().max(max);
const command = z.union([z.string().min(1).max(32_000), z.array(z.string().max(32_000)).min(1).max(1000)]);
const environment = z.record(z.string().regex(/^(?!LONGSHORE_)[A-Za-z_][A-Za-z0-9_]*$/), z.string().max(32_000));

/** What every target understands; `hyperparameters` reach the command as a file. */
export const jobConfig = z.strictObject({
  /** A shell line, or the program and its arguments. */
  command: command.optional(),
  /** For the command. May not begin with LONGSHORE_. */
  env: environment.optional(),
  hyperparameters: z.record(z.string(), z.unknown()).optional(),
});

export const jobPolicy = z.strictObject({
  max_attempts: z.number().int().min(1).max(20).optional(),
  heartbeat_timeout_seconds: seconds(86_400).optional(),
  start_timeout_seconds: seconds(7 * 86_400).optional(),
  run_timeout_seconds: seconds(30 * 86_400).optional(),
});

/** A local job, for an agent of the same user to take. The other targets: POST /api/training/deploy/{target}. */
export const newJobBody = z.strictObject({
  dataset_id: z.string().min(1).max(128),
  target: z.literal('local').default('local'),
  config: jobConfig.default({}),
  policy: jobPolicy.default({}),
});

export function policyOf(given: z.infer<typeof jobPolicy>) {
  const ms = (value: number | undefined) => (value === undefined ? undefined : Math.round(value * 1000));
  return withoutUndefined({
    maxAttempts: given.max_attempts,
    heartbeatTimeoutMs: ms(given.heartbeat_timeout_seconds),
    startTimeoutMs: ms(given.start_timeout_seconds),
    runTimeoutMs: ms(given.run_timeout_seconds),
  });
}

function withoutUndefined<T extends object>(value: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}

export const jobListQuery = z.object({
  cursor: z.string().min(1).max(128).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  /** One state, or several between commas. */
  state: z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(z.enum(JOB_STATES)))
    .optional(),
  target: z.enum(TARGETS).optional(),
  dataset_id: z.string().max(128).optional(),
});

/** Each page ends with the id of its last job, from which the next one goes on. */
export function jobPage(jobs: readonly TrainingJob[], limit: number): Response {
  const { items, nextCursor } = pageOf(jobs, limit, (last) => last.id);
  return json({ jobs: items.map(showJob), next_cursor: nextCursor });
}

export const eventQuery = z.object({
  /** The id of the last event that was seen. */
  cursor: z.coerce.number().int().min(0).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(200),
  /** log, metric, state, stage; several between commas. */
  kind: z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(z.enum(['log', 'metric', 'state', 'stage'])))
    .optional(),
});

export const shardField = z.strictObject({
  index: z.number().int().min(0).max(9999),
  count: z.number().int().min(1).max(10_000),
});
const instantField = z.iso.datetime({ offset: true }).transform((text) => new Date(text));
const workerName = z.string().min(1).max(200);

export const claimBody = z.strictObject({ worker: workerName, shard: shardField.optional() });
export const heartbeatBody = z.strictObject({
  stage: z.string().max(100).optional(),
  progress: z.record(z.string().max(50), z.union([z.number(), z.string().max(200), z.null()])).optional(),
  shard: shardField.optional(),
});
export const logsBody = z.strictObject({
  seq: z.number().int().min(1),
  shard: shardField.optional(),
  chunks: z
    .array(
      z.strictObject({
        stream: z.enum(['stdout', 'stderr', 'worker']),
        text: z.string().max(256 * 1024),
        at: instantField.optional(),
      }),
    )
    .min(1)
    .max(500),
});
export const metricsBody = z.strictObject({
  seq: z.number().int().min(1),
  shard: shardField.optional(),
  points: z
    .array(
      z.strictObject({
        values: z.record(z.string().max(200), z.number()),
        step: z.number().optional(),
        epoch: z.number().optional(),
        at: instantField.optional(),
      }),
    )
    .min(1)
    .max(1000),
});

const jobError = z.strictObject({
  code: z.string().regex(/^[a-z0-9_]{1,100}$/),
  message: z.string().max(4000),
  hint: z.string().max(2000).nullable().default(null),
  stage: z.string().max(100).nullable().default(null),
});
export const statusBody = z.discriminatedUnion('state', [
  z.strictObject({ state: z.enum(['fetching', 'running', 'completed', 'released']), shard: shardField.optional() }),
  z.strictObject({
    state: z.literal('failed'),
    error: jobError,
    /** Another attempt may end otherwise. */
    retry: z.boolean().default(false),
    shard: shardField.optional(),
  }),
]);

export const datasetQuery = z.object({
  expires_in: z.coerce.number().int().optional(),
  /** The copy that failed, and why in a few words. */
  avoid: z.enum(['s3', 'supabase', 'filesystem']).optional(),
  reason: z.string().max(500).default('not said'),
  /** `redirect` answers 302 with the address, for curl -L. */
  as: z.enum(['json', 'redirect']).default('json'),
});

/** What a worker needs to know about its job, and how often it is to speak. */
export function workerView({ service }: TrainingParts, job: TrainingJob) {
  const { id, dataset_id, content_sha256, target, state, attempt } = showJob(job);
  return {
    job: { id, dataset_id, content_sha256, target, state, attempt, config: service.workerConfig(job) },
    heartbeat_seconds: Math.max(0.2, Math.min(15, job.heartbeatTimeoutMs / 5000)),
  };
}

export function eventJson({ id, at, attempt, kind, data }: TrainingJobEvent) {
  return { id, at: at.toISOString(), attempt, kind, data };
}

/** The events of a job as a stream: one frame an event, its id for Last-Event-ID, `end` after the last one. */
export function followResponse(
  training: TrainingParts,
  job: TrainingJob,
  options: Parameters<TrainingParts['follower']['follow']>[1],
): Response {
  const body = Readable.from(frames(training, job, options), { objectMode: false });
  return stream(body, { headers: { 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' } });
}

async function* frames(
  { follower, service }: TrainingParts,
  job: TrainingJob,
  options: Parameters<TrainingParts['follower']['follow']>[1],
): AsyncGenerator<string> {
  yield 'retry: 2000\n\n';
  for await (const event of follower.follow(job, options)) {
    yield event === 'quiet' ? ': still here\n\n' : frame(event);
  }
  if (options.signal.aborted) return;
  const now = await service.find(job.id);
  yield `event: end\ndata: ${JSON.stringify({ state: now?.state ?? null, error: now?.error ?? null })}\n\n`;
}

function frame(event: TrainingJobEvent): string {
  return `id: ${event.id}\nevent: ${event.kind}\ndata: ${JSON.stringify(eventJson(event))}\n\n`;
}

/** Where a reader goes on: after what a returning EventSource names, else after the cursor. */
export function lastSeen(request: Request, cursor = 0): number {
  const named = request.headers.get('last-event-id');
  return named !== null && /^\d{1,15}$/.test(named) ? Number(named) : cursor;
}
