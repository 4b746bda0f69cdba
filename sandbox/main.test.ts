import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { expect, it } from 'vitest';
import { s3ClientFor, supabaseClientFor } from '@/tests/support/sandbox-clients.ts';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

/** Starts both servers over one directory, as a person would, and kills them with SIGKILL. */
async function withSandbox<T>(dir: string, use: (environment: Record<string, string>) => Promise<T>): Promise<T> {
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, '--json', '--dir', dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    return await use(JSON.parse(line) as Record<string, string>);
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
}

function clients(environment: Record<string, string>) {
  const s3 = s3ClientFor({
    url: environment.AWS_ENDPOINT_URL_S3 ?? '',
    region: environment.AWS_REGION ?? '',
    accessKeyId: environment.AWS_ACCESS_KEY_ID ?? '',
    secretAccessKey: environment.AWS_SECRET_ACCESS_KEY ?? '',
  });
  const { SUPABASE_URL: url = '', SUPABASE_SERVICE_ROLE_KEY: serviceRoleKey = '' } = environment;
  const files = supabaseClientFor({ url, serviceRoleKey }).from(environment.SUPABASE_STORAGE_BUCKET ?? '');
  return { s3, files, Bucket: environment.S3_BUCKET };
}

it('prints an environment that works, and finds everything again after a kill', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'sandbox-main-test-'));
  await withSandbox(dir, async (environment) => {
    const { s3, files, Bucket } = clients(environment);
    await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'in S3' }));
    expect((await files.upload('k', 'in Supabase')).error).toBeNull();
  });
  await withSandbox(dir, async (environment) => {
    const { s3, files, Bucket } = clients(environment);
    const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'k' }));
    expect(await got.Body?.transformToString()).toBe('in S3');
    expect(await (await files.download('k')).data?.text()).toBe('in Supabase');
  });
  await rm(dir, { recursive: true });
});
