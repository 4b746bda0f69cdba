import { randomBytes } from 'node:crypto';
import { type RunningServer, runServer, type ServerOptions } from '@/sandbox/running-server.ts';
import { Identities, roleArn, type SandboxRole, type SandboxUser } from '@/sandbox/s3/identities.ts';
import type { S3Sandbox } from '@/sandbox/s3/start-s3-sandbox.ts';
import { SagemakerApp, type SagemakerEnvironment } from './sagemaker-app.ts';
import { SagemakerJobs, type SagemakerJobsOptions } from './sagemaker-jobs.ts';

export interface SagemakerSandboxOptions extends ServerOptions, SagemakerJobsOptions {
  /** Default us-east-1. */
  region?: string;
  users?: SandboxUser[];
  /** Which SageMaker may assume. Default one, `sagemaker-execution`. */
  roles?: SandboxRole[];
  /** Its users and roles count here too, and inputs must exist in its buckets, in this region. */
  s3?: S3Sandbox;
  /** Default true: each DescribeTrainingJob moves a job one step, as far as Training. */
  advanceOnRead?: boolean;
}

export interface SagemakerSandbox extends RunningServer {
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** The first role. */
  readonly roleArn: string;
  readonly jobs: SagemakerJobs;
  readonly identities: Identities;
}

/** Training jobs of SageMaker on loopback. Operations are named as in the API: CreateTrainingJob and so on. */
export async function startSagemakerSandbox(options: SagemakerSandboxOptions = {}): Promise<SagemakerSandbox> {
  const roles = options.roles ?? [{ name: 'sagemaker-execution' }];
  const { identities, accessKeyId, secretAccessKey } = identitiesOf(options, roles);
  const jobs = new SagemakerJobs(options);
  const region = options.region ?? 'us-east-1';
  const app = new SagemakerApp({
    jobs,
    identities,
    region,
    now: options.now ?? Date.now,
    advanceOnRead: options.advanceOnRead ?? true,
    s3Has: inputCheck(options.s3, region),
  });
  const server = await runServer(app, options);
  const firstRole = roleArn(roles[0] ?? { name: 'sagemaker-execution' });
  return { ...server, region, accessKeyId, secretAccessKey, roleArn: firstRole, jobs, identities };
}

function identitiesOf({ s3, users = [] }: SagemakerSandboxOptions, roles: SandboxRole[]) {
  if (s3 !== undefined) {
    for (const role of roles) s3.identities.addRole(role);
    for (const user of users) s3.identities.addUser(user);
    const { identities, accessKeyId, secretAccessKey } = s3;
    return { identities, accessKeyId, secretAccessKey };
  }
  const [accessKeyId, secretAccessKey] = ['AKIALONGSHORESANDBOX', randomBytes(30).toString('base64')];
  const owner = { name: 'owner', accessKeyId, secretAccessKey };
  return { identities: new Identities([owner, ...users], roles), accessKeyId, secretAccessKey };
}

function inputCheck(s3: S3Sandbox | undefined, region: string): SagemakerEnvironment['s3Has'] {
  if (s3 === undefined) return undefined;
  return (bucket, prefix) =>
    s3.bucketRegion(bucket) === region && s3.objects.keys(bucket).some((key) => key.startsWith(prefix));
}
