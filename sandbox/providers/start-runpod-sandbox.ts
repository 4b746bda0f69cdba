import { randomBytes } from 'node:crypto';
import { type RunningServer, runServer, type ServerOptions } from '@/sandbox/running-server.ts';
import { RunpodApp } from './runpod-app.ts';
import { RunpodPods, type RunpodPodsOptions } from './runpod-pods.ts';

export interface RunpodSandboxOptions extends ServerOptions, RunpodPodsOptions {
  apiKey?: string;
  readOnlyApiKey?: string;
  /** US dollars. Default 100; 0 answers 402 to every creation. */
  balance?: number;
  /** Default true: each read moves a pod one step towards RUNNING. */
  advanceOnRead?: boolean;
}

/** `url` stands for https://api.runpod.io: the API is below `/v2`. */
export interface RunpodSandbox extends RunningServer {
  readonly apiKey: string;
  readonly pods: RunpodPods;
}

/** RunPod's pods API on loopback. Operations: pod.create, pod.list, pod.get, pod.terminate, pod.action, catalog.gpus. */
export async function startRunpodSandbox(options: RunpodSandboxOptions = {}): Promise<RunpodSandbox> {
  const pods = new RunpodPods(options);
  const apiKey = options.apiKey ?? `rpa_${randomBytes(20).toString('hex')}`;
  const app = new RunpodApp({
    pods,
    apiKey,
    readOnlyApiKey: options.readOnlyApiKey,
    balance: () => options.balance ?? 100,
    advanceOnRead: options.advanceOnRead ?? true,
  });
  return { ...(await runServer(app, options)), apiKey, pods };
}
