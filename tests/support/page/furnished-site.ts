import { type RunpodSandbox, startRunpodSandbox } from '@/sandbox/providers/start-runpod-sandbox.ts';
import { type S3Sandbox, startS3Sandbox } from '@/sandbox/s3/start-s3-sandbox.ts';
import { startServer, type TestServer } from '../server.ts';
import { makeJob, startAgent } from '../training.ts';
import { type SampleFile, sampleFiles } from './sample-files.ts';

/** A server with providers on loopback, and what people have done with it. */
export interface FurnishedSite {
  server: TestServer;
  s3: S3Sandbox;
  runpod: RunpodSandbox;
  datasetIds: Map<string, string>;
  /** Of the users who were added, by name. */
  userKeys: Map<string, string>;
  /** A training job that has completed; empty before there is one. */
  jobId: string;
  stop(): Promise<void>;
}

export async function startSite(env: Record<string, string> = {}): Promise<FurnishedSite> {
  const [s3, runpod] = await Promise.all([
    startS3Sandbox({ bucket: 'ada-datasets', region: 'eu-west-1' }),
    startRunpodSandbox(),
  ]);
  const server = await startServer({ ALLOW_PRIVATE_ENDPOINTS: 'true', RUNPOD_API_URL: `${runpod.url}/v2`, ...env });
  const stop = async () => {
    await server.stop();
    await Promise.all([s3.close(), runpod.close()]);
  };
  return { server, s3, runpod, datasetIds: new Map(), userKeys: new Map(), jobId: '', stop };
}

/** Users, keys, secrets and datasets, so that no screen is empty. */
export async function furnish(site: FurnishedSite): Promise<void> {
  const { server, s3, runpod } = site;
  for (const [name, role] of [
    ['Grace', 'member'],
    ['Edsger', 'admin'],
  ] as const) {
    const { key } = await send<{ key: string }>(server, 'POST', '/api/users', { name, role });
    site.userKeys.set(name, key);
  }
  await send(server, 'POST', '/api/keys', { name: 'training cluster' });
  await send(server, 'POST', '/api/keys', { name: 'nightly export', expires_at: '2031-01-01T00:00:00Z' });
  await send(server, 'PUT', '/api/secrets/aws', awsSecret(s3));
  await send(server, 'PUT', '/api/secrets/runpod', { api_key: runpod.apiKey });
  for (const file of sampleFiles()) site.datasetIds.set(file.name, await uploadFile(server, file));
  site.jobId = await trainedJob(server, site.datasetIds.get('ferry-support-2026-q3.jsonl') ?? '');
  await makeJob(server, site.datasetIds.get('customs-questions.jsonl') ?? '', {
    config: { command: 'python3 train.py' },
  });
}

/** Pretends to learn, for curves to be drawn. */
const LEARNING = `
import json, os
print("learning from", os.environ["DATASET_EXAMPLES"], "examples")
for step in range(1, 121):
    print(json.dumps({"step": step, "loss": 2.4 / (1 + step / 18), "learning_rate": 5e-5 * (1 - step / 121)}))
`;

/** The id of a job that the real worker has run to its end. */
async function trainedJob(server: TestServer, datasetId: string): Promise<string> {
  const job = await makeJob(server, datasetId, { config: { command: ['python3', '-c', LEARNING] } });
  const agent = await startAgent(server, '--once');
  if ((await agent.exited) !== 0) throw new Error(`The agent failed: ${agent.logs()}`);
  return job.id;
}

export function awsSecret(s3: S3Sandbox): unknown {
  const { accessKeyId, secretAccessKey, bucket, region, url } = s3;
  const aws = { secret_access_key: secretAccessKey, s3_bucket: bucket, region, endpoint: url };
  return { api_key: accessKeyId, metadata: { aws } };
}

/** The new dataset's id. */
export async function uploadFile(server: TestServer, { name, description = '', content }: SampleFile): Promise<string> {
  const query = new URLSearchParams({ name, filename: name, description });
  const { dataset } = await send<{ dataset: { id: string } }>(
    server,
    'POST',
    `/api/training/dataset?${query}`,
    content,
  );
  return dataset.id;
}

/** Throws what the server said unless it agreed. */
export async function send<T>(server: TestServer, method: string, path: string, body: unknown): Promise<T> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const type = typeof body === 'string' ? 'application/octet-stream' : 'application/json';
  const response = await server.fetch(path, { method, body: text, headers: { 'content-type': type } });
  const answer = await response.text();
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${answer}`);
  return JSON.parse(answer) as T;
}
