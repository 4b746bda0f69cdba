import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { workerEnvironment } from '@/lib/config/client-config.ts';
import type { Dataset } from '@/lib/http/api-types.ts';
import { workerPath } from '@/lib/training/worker-file.ts';
import type { ApiClient } from '../../cli/api-client.ts';
import type { CliContext } from '../../cli/context.ts';
import { followJob } from '../../cli/training/follow.ts';
import { say, show } from './stage.ts';

const EXAMPLE = fileURLToPath(new URL('../../examples/train-ngram/train.py', import.meta.url));

/** What it was all for: a worker process fetches the dataset, proves its bytes, and trains a small model on it. */
export async function trainingAct(client: ApiClient, dataset: Dataset, folder: string): Promise<void> {
  say('A training job: a worker of this machine fetches the records, proves their bytes and trains a model on them');
  if (spawnSync('python3', ['--version']).status !== 0)
    return show('This machine has no python3: this act is left out.');
  const json = { dataset_id: dataset.id, config: { command: ['python3', EXAMPLE], hyperparameters: { epochs: 6 } } };
  const { job } = await client.json<{ job: { id: string } }>('/api/training/jobs', { method: 'POST', json });
  const worker = startWorker(client, join(folder, 'work'));
  const state = await followJob(contextOf(), client, job.id, ['log', 'metric', 'state']);
  await once(worker, 'close');
  if (state !== 'completed') throw new Error(`the job ended as ${state}`);
}

function startWorker(client: ApiClient, workDir: string): ChildProcess {
  const env = workerEnvironment(client.baseUrl, client.apiKey);
  return spawn('python3', [workerPath(), 'agent', '--once', '--work-dir', workDir], { env, stdio: 'ignore' });
}

/** Lets what the command line prints stand where the rest of the demo does. */
function contextOf(): CliContext {
  const stdout = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      // Numbers are shown as metrics: the same as JSON would be said twice.
      const lines = chunk.toString().split('\n');
      for (const line of lines) if (line !== '' && !line.startsWith('{')) show(line);
      done();
    },
  });
  const terminal = { stdout, stderr: stdout, json: false, color: false };
  const unused = () => Promise.reject(new Error('the demo has its own client'));
  return { terminal, client: unused, ownServer: unused, signal: new AbortController().signal };
}
