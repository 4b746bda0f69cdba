/**
 * The whole path in under a minute, in a temporary folder: a real server process, real uploads, two stores that are really
 * broken, downloads that are verified byte for byte, and a model that is trained on one of them. Leaves nothing behind. One file an act in scripts/demo/.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startS3Sandbox } from '@/sandbox/s3/start-s3-sandbox.ts';
import { startSupabaseSandbox } from '@/sandbox/supabase/start-supabase-sandbox.ts';
import { ApiClient } from '../cli/api-client.ts';
import { datasetsAct } from './demo/datasets-act.ts';
import { say, show, upload } from './demo/stage.ts';
import { storesAct } from './demo/stores-act.ts';
import { trainingAct } from './demo/training-act.ts';
import { startPrivateServer } from './private-server.ts';

const folder = await mkdtemp(join(tmpdir(), 'longshore-demo-'));
/** How what was started is stopped, the latest first. */
const ends: (() => Promise<void>)[] = [() => rm(folder, { recursive: true, force: true })];

async function startServer(name: string, env: Record<string, string> = {}): Promise<ApiClient> {
  const server = await startPrivateServer(join(folder, name), { env });
  ends.push(() => server.stop());
  show(server.url);
  return new ApiClient(server.url, server.adminKey);
}

try {
  say('Starting Longshore in a temporary folder: no cloud account, nothing configured');
  await datasetsAct(await startServer('alone'));

  say('Starting it again between a Supabase and an S3 of this machine, which can be broken');
  const [s3, supabase] = [await startS3Sandbox(), await startSupabaseSandbox()];
  ends.push(
    () => s3.close(),
    () => supabase.close(),
  );
  const env = {
    SUPABASE_URL: supabase.url,
    SUPABASE_SERVICE_ROLE_KEY: supabase.serviceRoleKey,
    ALLOW_PRIVATE_ENDPOINTS: 'true',
  };
  const client = await startServer('cloud', env);
  await storesAct(client, { s3, supabase });
  await trainingAct(client, await upload(client, 'ferry-chats.jsonl', 'to train on'), folder);

  say('Done. Everything above was real; the folder is removed now.');
} finally {
  for (const end of ends.reverse()) await end();
}
