import { join } from 'node:path';
import type { DatasetParts } from '@/lib/composition/datasets.ts';
import type { PlacementParts } from '@/lib/composition/placement.ts';
import type { TrainingParts } from '@/lib/composition/training.ts';
import type { Config } from '@/lib/config/config.ts';
import type { Database } from '@/lib/db/database.ts';
import type { JobQueue } from '@/lib/jobs/queue.ts';
import type { Logger } from '@/lib/observability/logger.ts';
import { AwsRequester } from '@/lib/secrets/aws/aws-request.ts';
import type { HttpSend } from '@/lib/secrets/http-port.ts';
import { DEFAULT_PROVIDER_URLS } from '@/lib/secrets/providers/token-test.ts';
import type { Secrets } from '@/lib/secrets/secrets.ts';
import type { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import { type HttpCall, HttpClient, type HttpReply } from '@/lib/storage/http-client.ts';
import { DatasetStreams } from '@/lib/training/dag/dataset-stream.ts';
import { ReadingSteps } from '@/lib/training/dag/reading-steps.ts';
import { TrainingSteps } from '@/lib/training/dag/training-steps.ts';
import { Deployer } from '@/lib/training/deploy/deployer.ts';
import { LaunchDatasets } from '@/lib/training/deploy/launch-datasets.ts';
import { MachineWatch } from '@/lib/training/deploy/machine-watch.ts';
import { RentedJobs } from '@/lib/training/deploy/rented-jobs.ts';
import type { DeployTargets } from '@/lib/training/deploy-targets/deploy-targets.ts';
import { LambdaTarget } from '@/lib/training/deploy-targets/lambda-target.ts';
import { LocalTarget } from '@/lib/training/deploy-targets/local-target.ts';
import { ProviderGate } from '@/lib/training/deploy-targets/provider-gate.ts';
import { RunpodTarget } from '@/lib/training/deploy-targets/runpod-target.ts';
import { isThrottled, SagemakerApi } from '@/lib/training/deploy-targets/sagemaker-api.ts';
import { SagemakerTarget } from '@/lib/training/deploy-targets/sagemaker-target.ts';
import { TokenApi } from '@/lib/training/deploy-targets/token-api.ts';
import { TrainingDag } from '@/lib/training/job-handlers.ts';
import { Preflight } from '@/lib/training/preflight.ts';
import { ServedDatasets } from '@/lib/training/served-dataset.ts';
import { WorkerFiles } from '@/lib/training/worker-file.ts';

/** Lambda Cloud allows one request a second; the others are asked for no pace. */
const LAMBDA_PACE_MS = 1_050;
const PACE_MS = 100;

export interface TargetsGround {
  config: Pick<Config, 'providerUrls'>;
  secrets: Secrets;
  /** For addresses that the operator set: the providers' APIs. */
  operatorGuard: EndpointGuard;
}

/** Where training jobs may run. */
export function composeTargets({ config, secrets, operatorGuard }: TargetsGround): DeployTargets {
  const send = sendThrough(operatorGuard);
  const { runpod, lambda, sagemaker } = config.providerUrls;
  const parts = { secrets: secrets.manager };
  return {
    local: new LocalTarget(),
    runpod: new RunpodTarget({
      ...parts,
      api: new TokenApi({
        ...{ send, baseUrl: runpod?.href ?? DEFAULT_PROVIDER_URLS.runpod },
        gate: new ProviderGate({ title: 'RunPod', paceMs: PACE_MS }),
      }),
    }),
    lambda: new LambdaTarget({
      ...parts,
      api: new TokenApi({
        ...{ send, baseUrl: lambda?.href ?? DEFAULT_PROVIDER_URLS.lambda },
        gate: new ProviderGate({ title: 'Lambda Cloud', paceMs: LAMBDA_PACE_MS }),
      }),
    }),
    sagemaker: new SagemakerTarget({
      ...parts,
      api: new SagemakerApi({
        ...{ sessions: secrets.sessions, baseUrl: sagemaker?.href },
        requester: new AwsRequester({ send, now: () => new Date() }),
        gate: new ProviderGate({ title: 'SageMaker', paceMs: PACE_MS, isThrottled }),
      }),
    }),
  };
}

export interface DeployGround extends TargetsGround {
  config: Pick<Config, 'providerUrls' | 'dataDir' | 'limits' | 'supabase' | 'platformBucket'>;
  db: Database;
  jobs: JobQueue;
  /** For addresses that users gave. */
  guard: EndpointGuard;
  log: Logger;
  baseUrl: URL;
  targets: DeployTargets;
}

export type DeployParts = ReturnType<typeof composeDeploy>;

/** What brings jobs to rented machines, and watches these. */
export function composeDeploy(
  ground: DeployGround,
  { replicas }: PlacementParts,
  { datasets, urls }: DatasetParts,
  training: TrainingParts,
) {
  const { config, db, log, baseUrl, secrets, targets, operatorGuard } = ground;
  const { service: jobs, repository, remotes: ender } = training;
  // An installation that has SageMaker elsewhere than at AWS has its buckets there too.
  const isAws = (endpoint: string | null) =>
    endpoint === null || config.providerUrls.sagemaker !== undefined || /\.amazonaws\.com(\.cn)?\/?$/.test(endpoint);
  const report = (userId: string, datasetId: string) => datasets.report(userId, datasetId);
  const preflight = new Preflight({
    ...{ secrets: secrets.manager, baseUrl, send: sendThrough(operatorGuard), now: () => new Date() },
    report,
  });
  const workers = new WorkerFiles(join(config.dataDir, 'workers'));
  const rented = new RentedJobs({ db, jobs: repository, ender });
  const deployer = new Deployer({
    ...{ jobs, preflight, targets, baseUrl, worker: () => workers.keepCurrent() },
    datasets: new LaunchDatasets({ datasets, replicas, secrets: secrets.manager, isAws }),
  });
  const streams = new DatasetStreams({
    ...{ datasets, urls, served: new ServedDatasets(db), open: opener(ground) },
    maxObjectBytes: config.limits.dagMaxDatasetBytes,
    maxRecordBytes: config.limits.maxRecordBytes,
  });
  const dag = new TrainingDag({
    ...{ db, queue: ground.jobs, jobs, made: rented },
    reading: new ReadingSteps({ streams, report }),
    training: new TrainingSteps({ streams, deployer, targets, made: rented }),
  });
  return { targets, workers, deployer, rented, dag, watch: new MachineWatch({ rented, jobs, targets, log }) };
}

/** What a signed URL may lead to: our own stores wherever they are, a user's bucket only outside our network. */
function opener({ config, baseUrl, guard, operatorGuard }: DeployGround): (call: HttpCall) => Promise<HttpReply> {
  const own = [baseUrl, config.supabase?.url, config.platformBucket?.endpoint].map((url) => url?.origin);
  const ours = new HttpClient(operatorGuard, { provider: 's3', operation: 'get' });
  const theirs = new HttpClient(guard, { provider: 's3', operation: 'get' });
  return (call) => (own.includes(call.url.origin) ? ours : theirs).open(call);
}

function sendThrough(guard: EndpointGuard): HttpSend {
  const client = new HttpClient(guard, { provider: 's3', operation: 'probe' });
  return (call) => client.send(call);
}
