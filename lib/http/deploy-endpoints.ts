import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Application } from '@/lib/composition.ts';
import { idempotencyKey } from '@/lib/http/dataset-fields.ts';
import { type DescribedHandler, endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';
import { jobConfig, jobPolicy, policyOf, showJob } from '@/lib/http/training-jobs.ts';
import type { Deployment, DryRun, WantedDeployment } from '@/lib/training/deploy/deployer.ts';
import type { DeployTargetName } from '@/lib/training/deploy-targets/deploy-target.ts';
import { lambdaOptions } from '@/lib/training/deploy-targets/lambda-target.ts';
import { localOptions } from '@/lib/training/deploy-targets/local-target.ts';
import { addedEnvironment } from '@/lib/training/deploy-targets/pod-environment.ts';
import { runpodOptions } from '@/lib/training/deploy-targets/runpod-target.ts';
import { sagemakerOptions } from '@/lib/training/deploy-targets/sagemaker-options.ts';
import type { RequestKey } from '@/lib/training/jobs/job-keys.ts';
import { TRAINERS } from '@/lib/training/preflight.ts';

const MACHINES = {
  local: localOptions,
  runpod: runpodOptions,
  lambda: lambdaOptions,
  sagemaker: sagemakerOptions,
} as const;

const TITLES: Readonly<Record<DeployTargetName, string>> = {
  local: 'a machine of your own',
  runpod: 'a RunPod pod',
  lambda: 'a Lambda Cloud instance',
  sagemaker: 'SageMaker',
};

/** What a machine is to do, whichever it is. */
const COMMON = {
  dataset_id: z.string().min(1).max(128),
  /** What the worker runs. Its `env` is sent to a rented machine and kept nowhere. */
  config: jobConfig.default({}),
  policy: jobPolicy.omit({ max_attempts: true }).default({}),
  trainer: z.enum(TRAINERS).optional().describe('What you train with: a dataset that it refuses is not deployed.'),
  dry_run: z.boolean().default(false).describe('Look and plan; rent nothing.'),
};
type Common = { [Name in keyof typeof COMMON]: z.output<(typeof COMMON)[Name]> };

const statusEnum = z.enum(['ok', 'warning', 'failed']);
const preflightView = z.object({
  status: statusEnum,
  checks: z.array(
    z.object({
      code: z.string(),
      title: z.string(),
      status: statusEnum,
      message: z.string(),
      remedy: z.string().nullable(),
    }),
  ),
});
const plannedRequest = z.object({
  method: z.string(),
  url: z.string(),
  headers: z.record(z.string(), z.string()),
  body: z.unknown(),
});
const planView = z.object({ name: z.string(), requests: z.array(plannedRequest), notes: z.array(z.string()) });
const jobView = z.looseObject({ id: z.string(), state: z.string(), target: z.string() });
const machineView = z.object({
  phase: z.string(),
  state: z.string(),
  reason: z.string().nullable(),
  usd_per_hour: z.number().nullable(),
});
const deployAnswer = z.object({
  job: jobView.optional(),
  /** Left out where the request was sent before. */
  preflight: preflightView.optional(),
  dry_run: z.literal(true).optional(),
  plan: planView.nullable().optional(),
});

const jobQuery = z.object({ job_id: z.string().min(1).max(128) });

/** POST deploys or plans, GET shows the job and its machine, DELETE cancels the job and ends its machine. */
export function deployEndpoints(name: DeployTargetName): Record<'GET' | 'POST' | 'DELETE', DescribedHandler> {
  return { GET: getEndpoint(name), POST: postEndpoint(name), DELETE: deleteEndpoint(name) };
}

function postEndpoint(name: DeployTargetName): DescribedHandler {
  const body = z.strictObject({ ...COMMON, ...MACHINES[name].shape });
  return endpoint(
    {
      ...{ auth: 'user', body, answer: deployAnswer, answerStatus: 201 },
      summary: `Train on ${TITLES[name]}; with dry_run the exact request and what stands in its way`,
    },
    async ({ app, user, body, request }) => {
      const { common, wanted } = wantedOf(user.userId, name, body as Common & Record<string, unknown>);
      if (common.dry_run) return json(dryRunView(await dryRun(app, name, wanted)));
      const { job, preflight } = await deploy(app, name, { ...wanted, requestKey: requestKeyOf(request, name, body) });
      if (preflight !== null) return json({ job: showJob(job), preflight }, { status: 201 });
      return json({ job: showJob(job) }, { status: 201, headers: { 'Idempotency-Replayed': 'true' } });
    },
  );
}

/** What stands in `env` may be secret, and so is no part of the hash that is kept. */
function requestKeyOf(request: Request, target: string, body: unknown): RequestKey | undefined {
  const key = idempotencyKey.parse(request.headers.get('idempotency-key') ?? undefined);
  if (key === undefined) return undefined;
  const text = JSON.stringify([target, body], (name, value) => (name === 'env' ? undefined : value));
  return { key, requestSha256: createHash('sha256').update(text).digest('hex') };
}

/** One line a target, because each has its own options. */
function deploy({ deploy: { deployer, targets } }: Application, name: DeployTargetName, wanted: WantedDeployment) {
  const by: Record<DeployTargetName, () => Promise<Deployment>> = {
    local: () => deployer.deploy(targets.local, wanted),
    runpod: () => deployer.deploy(targets.runpod, wanted),
    lambda: () => deployer.deploy(targets.lambda, wanted),
    sagemaker: () => deployer.deploy(targets.sagemaker, wanted),
  };
  return by[name]();
}

function dryRun({ deploy: { deployer, targets } }: Application, name: DeployTargetName, wanted: WantedDeployment) {
  const by: Record<DeployTargetName, () => Promise<DryRun>> = {
    local: () => deployer.dryRun(targets.local, wanted),
    runpod: () => deployer.dryRun(targets.runpod, wanted),
    lambda: () => deployer.dryRun(targets.lambda, wanted),
    sagemaker: () => deployer.dryRun(targets.sagemaker, wanted),
  };
  return by[name]();
}

function wantedOf(
  userId: string,
  name: DeployTargetName,
  body: Common & Record<string, unknown>,
): { common: Common; wanted: WantedDeployment } {
  const { dataset_id, config, policy, trainer, dry_run, ...machine } = body;
  const { env = {}, ...told } = config;
  // An agent of the user's own is told them with the job; a rented machine gets them at its making.
  const local = name === 'local';
  const wanted = {
    ...{ userId, datasetId: dataset_id, machine, trainer, policy: policyOf(policy) },
    config: local ? config : told,
    environment: local ? {} : addedEnvironment.parse(env),
  };
  return { common: { dataset_id, config, policy, trainer, dry_run }, wanted };
}

function dryRunView({ preflight, plan }: DryRun) {
  return { dry_run: true, preflight, plan };
}

function getEndpoint(name: DeployTargetName): DescribedHandler {
  const answer = z.object({ job: jobView, machine: machineView.nullable() });
  return endpoint(
    { auth: 'user', summary: `A job, and what its target says of the machine now`, query: jobQuery, answer },
    async ({ app, user, query }) => {
      const { job, machine } = await app.deploy.deployer.status(user.userId, query.job_id, name);
      const shown = machine && {
        ...{ phase: machine.phase, state: machine.state },
        reason: machine.reason ?? null,
        usd_per_hour: machine.costUsdPerHour ?? null,
      };
      return json({ job: showJob(job), machine: shown });
    },
  );
}

function deleteEndpoint(name: DeployTargetName): DescribedHandler {
  return endpoint(
    { auth: 'user', summary: 'Cancel a job, and end its machine', query: jobQuery, answer: z.object({ job: jobView }) },
    async ({ app, user, query }) =>
      json({ job: showJob(await app.deploy.deployer.cancel(user.userId, query.job_id, name)) }),
  );
}

const offerView = z.object({
  id: z.string(),
  title: z.string(),
  gpus: z.number(),
  gpu_memory_gb: z.number().nullable(),
  usd_per_hour: z.number().nullable(),
  regions: z.array(z.string()).nullable(),
  available: z.boolean().nullable(),
});

/** Sizes and prices, where the provider's API gives them. */
export function offersEndpoint(name: 'runpod' | 'lambda'): DescribedHandler {
  return endpoint(
    {
      ...{ auth: 'user', summary: `What ${TITLES[name]} costs now, and where there is one` },
      answer: z.object({ offers: z.array(offerView) }),
    },
    async ({ app, user, signal }) => {
      const offers = await app.deploy.targets[name].offers(user.userId, signal);
      return json({
        offers: offers.map(({ gpuMemoryGb, usdPerHour, ...offer }) => {
          return { ...offer, gpu_memory_gb: gpuMemoryGb, usd_per_hour: usdPerHour };
        }),
      });
    },
  );
}
