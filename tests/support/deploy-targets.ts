import { AwsRequester } from '@/lib/secrets/aws/aws-request.ts';
import type { SecretContents, SecretProvider } from '@/lib/secrets/secrets.types.ts';
import { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import { type HttpCall, HttpClient } from '@/lib/storage/http-client.ts';
import type { LaunchDataset, WorkerStart } from '@/lib/training/deploy-targets/deploy-target.ts';
import { LambdaTarget } from '@/lib/training/deploy-targets/lambda-target.ts';
import { ProviderGate } from '@/lib/training/deploy-targets/provider-gate.ts';
import { RunpodTarget } from '@/lib/training/deploy-targets/runpod-target.ts';
import { isThrottled, SagemakerApi } from '@/lib/training/deploy-targets/sagemaker-api.ts';
import { SagemakerTarget } from '@/lib/training/deploy-targets/sagemaker-target.ts';
import type { SecretSource } from '@/lib/training/deploy-targets/target-accounts.ts';
import { TokenApi } from '@/lib/training/deploy-targets/token-api.ts';

const guard = new EndpointGuard({ allowPrivateEndpoints: true });
const client = new HttpClient(guard, { provider: 's3', operation: 'probe' });

/** Every request that left, as its bytes, for tests that look for secrets. */
export class Outgoing {
  readonly requests: { url: string; headers: Record<string, string>; body: string }[] = [];

  readonly send = async (call: HttpCall) => {
    const body = call.body instanceof Uint8Array ? Buffer.from(call.body).toString() : '';
    this.requests.push({ url: call.url.href, headers: call.headers ?? {}, body });
    return client.send(call);
  };
}

/** One user with one secret a provider. */
export function secretsOf(contents: Partial<SecretContents>): SecretSource {
  return {
    getSecret: async <P extends SecretProvider>(userId: string, provider: P) => {
      const content = contents[provider] as SecretContents[P] | undefined;
      if (content === undefined) return undefined;
      return { ...content, id: `${provider}-1`, user_id: userId, provider, version: 1, state: 'active' as const };
    },
  };
}

/** Fast: no pauses of consequence, and short patience. */
const gate = (title: string, more: object = {}) =>
  new ProviderGate({ title, paceMs: 0, timeoutMs: 300, pauseMs: 1, ...more });

export function runpodFor(server: { url: string }, secrets: SecretSource, outgoing = new Outgoing()): RunpodTarget {
  const api = new TokenApi({ baseUrl: `${server.url}/v2`, send: outgoing.send, gate: gate('RunPod') });
  return new RunpodTarget({ api, secrets });
}

export function lambdaFor(server: { url: string }, secrets: SecretSource, outgoing = new Outgoing()): LambdaTarget {
  const api = new TokenApi({ baseUrl: `${server.url}/api/v1`, send: outgoing.send, gate: gate('Lambda Cloud') });
  return new LambdaTarget({ api, secrets });
}

export function sagemakerFor(
  server: { url: string },
  secrets: SecretSource,
  outgoing = new Outgoing(),
): SagemakerTarget {
  const requester = new AwsRequester({ send: outgoing.send, now: () => new Date() });
  const sessions = {
    credentialsFor: async ({
      api_key = '',
      metadata: { aws },
    }: {
      api_key?: string;
      metadata: SecretContents['aws']['metadata'];
    }) => ({
      accessKeyId: api_key,
      secretAccessKey: aws.secret_access_key ?? '',
    }),
  };
  const api = new SagemakerApi({ requester, sessions, gate: gate('SageMaker', { isThrottled }), baseUrl: server.url });
  return new SagemakerTarget({ api, secrets });
}

export const TOKEN = 'lsj_dGhpcyBpcyBhIHRva2Vu.thisShallNotBeSeenAnywhere000000000000000000';
export const WORKER: WorkerStart = {
  environment: {
    LONGSHORE_URL: 'https://longshore.example.org',
    LONGSHORE_JOB_ID: 'job-1',
    LONGSHORE_JOB_TOKEN: TOKEN,
    HF_TOKEN: 'hf_theUsersOwnToken00',
  },
  sha256: 'ab'.repeat(32),
};

export const DATASET: LaunchDataset = {
  id: 'dataset-1',
  kind: 'messages',
  objectSizeBytes: 1000,
  contentSizeBytes: 5000,
  s3: undefined,
  inS3: false,
};
