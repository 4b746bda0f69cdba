import type { Dataset } from '@/lib/http/api-types.ts';
import type { S3Sandbox } from '@/sandbox/s3/start-s3-sandbox.ts';
import type { SupabaseSandbox } from '@/sandbox/supabase/start-supabase-sandbox.ts';
import type { ApiClient } from '../../cli/api-client.ts';
import { copiesOf, datasetNow, download, isSafe, say, show, until, upload } from './stage.ts';

export interface Cloud {
  s3: S3Sandbox;
  supabase: SupabaseSandbox;
}

/** Two stores and their failures: dual write, a lost copy, a store that is down, and the step back. */
export async function storesAct(client: ApiClient, cloud: Cloud): Promise<void> {
  await dualWrite(client, cloud);
  await lostCopy(client, cloud);
  await storeDown(client, cloud);
  await stepBack(client);
}

async function enter(client: ApiClient, phase: string): Promise<void> {
  await client.json('/api/storage/phase', { method: 'POST', json: { phase } });
  show(`phase ${phase}`);
}

async function dualWrite(client: ApiClient, { s3 }: Cloud): Promise<void> {
  say('A user brings a bucket of the own; its credentials are tried before they are kept');
  const aws = { secret_access_key: s3.secretAccessKey, s3_bucket: s3.bucket, endpoint: s3.url };
  const json = { api_key: s3.accessKeyId, metadata: { aws } };
  const { report } = await client.json<{ report: { summary: string; checks: unknown[] } }>('/api/secrets/aws', {
    method: 'PUT',
    json,
  });
  show(`${report.checks.length} checks: ${report.summary}`);
  say('dual_write: every new dataset goes to both stores; each copy is then read back and compared');
  await enter(client, 'dual_write');
  const dataset = await upload(client, 'ferry-chats.jsonl');
  show(copiesOf(await until(client, dataset, isSafe)));
  say('hybrid_read: its gate is open, because every copy was read back; reads come from S3 now');
  await enter(client, 'hybrid_read');
  await download(client, dataset);
}

async function lostCopy(client: ApiClient, { s3 }: Cloud): Promise<void> {
  say('Somebody deletes the copy in S3. The next download comes from Supabase, and the copy is made anew');
  const dataset = await until(client, await upload(client, 'harbour-tasks.alpaca.json'), isSafe);
  const lost = keyIn(dataset, 's3');
  await s3.objects.remove(lost);
  await download(client, dataset);
  const mended = await until(client, dataset, (now) => isSafe(now) && keyIn(now, 's3') !== lost);
  show(`a new copy under a new key: ${keyIn(mended, 's3')}`);
  await download(client, mended);
}

async function storeDown(client: ApiClient, { supabase }: Cloud): Promise<void> {
  say('Supabase is down. An upload is still accepted: one copy in S3, and the local spool stands in for the other');
  await supabase.stop();
  const dataset = await upload(client, 'sea-advice.preference.jsonl');
  show(copiesOf(dataset));
  await download(client, dataset);
  say('Supabase is back. Nobody has to do anything');
  await supabase.start();
  show(copiesOf(await until(client, dataset, isSafe)));
}

async function stepBack(client: ApiClient): Promise<void> {
  say('Every step can be taken back, at once');
  const { previous } = await client.json<{ previous: { phase: string; consequences: string[] } }>('/api/storage/phase');
  for (const sentence of previous.consequences) show(sentence);
  await enter(client, previous.phase);
  const { datasets } = await client.json<{ datasets: Dataset[] }>('/api/training/dataset');
  for (const dataset of datasets) await download(client, await datasetNow(client, dataset));
}

function keyIn({ replicas }: Dataset, provider: string): string {
  return replicas.find((copy) => copy.provider === provider)?.key ?? '';
}
