import { type LambdaSandbox, startLambdaSandbox } from '@/sandbox/providers/start-lambda-sandbox.ts';
import { type RunpodSandbox, startRunpodSandbox } from '@/sandbox/providers/start-runpod-sandbox.ts';
import { type SagemakerSandbox, startSagemakerSandbox } from '@/sandbox/providers/start-sagemaker-sandbox.ts';
import { type S3Sandbox, startS3Sandbox } from '@/sandbox/s3/start-s3-sandbox.ts';

export interface Providers {
  runpod: RunpodSandbox;
  lambda: LambdaSandbox;
  s3: S3Sandbox;
  sagemaker: SagemakerSandbox;
}

/** The three providers and S3 on loopback. SageMaker knows the buckets. */
export async function startProviders(options: {
  runpod?: Parameters<typeof startRunpodSandbox>[0];
  lambda?: Parameters<typeof startLambdaSandbox>[0];
  sagemaker?: Parameters<typeof startSagemakerSandbox>[0];
}): Promise<Providers> {
  const s3 = await startS3Sandbox();
  return {
    s3,
    runpod: await startRunpodSandbox(options.runpod),
    lambda: await startLambdaSandbox(options.lambda),
    sagemaker: await startSagemakerSandbox({ ...options.sagemaker, s3 }),
  };
}

export async function closeProviders(providers: Providers): Promise<void> {
  await Promise.all(Object.values(providers).map((sandbox) => sandbox.close()));
}

/** How an installation finds them. */
export function providerEnvironment({ runpod, lambda, sagemaker }: Providers): Record<string, string> {
  return {
    ALLOW_PRIVATE_ENDPOINTS: 'true',
    RUNPOD_API_URL: `${runpod.url}/v2`,
    LAMBDA_API_URL: `${lambda.url}/api/v1`,
    AWS_ENDPOINT_URL_SAGEMAKER: sagemaker.url,
  };
}

/** The bodies with which a user stores credentials that these providers take. */
export function credentialsFor({ runpod, lambda, s3, sagemaker }: Providers) {
  return {
    runpod: { api_key: runpod.apiKey },
    lambda: { api_key: lambda.apiKey, metadata: { lambda: { ssh_key_name: 'default-key' } } },
    aws: {
      api_key: s3.accessKeyId,
      metadata: {
        aws: {
          secret_access_key: s3.secretAccessKey,
          s3_bucket: s3.bucket,
          endpoint: s3.url,
          sagemaker_role_arn: sagemaker.roleArn,
        },
      },
    },
  };
}
