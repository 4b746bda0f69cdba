import { randomBytes } from 'node:crypto';
import { type RunningServer, runServer, type ServerOptions } from '@/sandbox/running-server.ts';
import { LambdaApp } from './lambda-app.ts';
import { LambdaInstances, type LambdaInstancesOptions } from './lambda-instances.ts';

export interface LambdaSandboxOptions extends ServerOptions, LambdaInstancesOptions {
  apiKey?: string;
  /** An account that may do nothing. Default false. */
  inactive?: boolean;
  /** Default true: each read moves an instance one step on. */
  advanceOnRead?: boolean;
}

/** `url` stands for https://cloud.lambda.ai: the API is below `/api/v1`. */
export interface LambdaSandbox extends RunningServer {
  readonly apiKey: string;
  readonly instances: LambdaInstances;
}

/**
 * The Lambda Cloud API on loopback. Operations: instance.launch, instance.list, instance.get, instance.restart,
 * instance.terminate, type.list, key.list. The documented pace (one request a second, one launch in twelve) is a
 * `rate_limit` fault away.
 */
export async function startLambdaSandbox(options: LambdaSandboxOptions = {}): Promise<LambdaSandbox> {
  const instances = new LambdaInstances(options);
  const apiKey = options.apiKey ?? `secret_sandbox_${randomBytes(16).toString('hex')}`;
  const app = new LambdaApp({
    instances,
    apiKey,
    inactive: options.inactive ?? false,
    advanceOnRead: options.advanceOnRead ?? true,
  });
  return { ...(await runServer(app, options)), apiKey, instances };
}
