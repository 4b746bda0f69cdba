/** Runs the sandbox servers by themselves and prints the environment in which Longshore finds them. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readJson, writeJson } from './json-file.ts';
import { STORES_LIKE, type StoreLike } from './s3/quirks.ts';
import { type S3Sandbox, startS3Sandbox } from './s3/start-s3-sandbox.ts';
import { type SupabaseSandbox, startSupabaseSandbox } from './supabase/start-supabase-sandbox.ts';

const HELP = `Runs loopback servers for Longshore: S3 (with STS) and Supabase Storage.

  npx tsx sandbox/main.ts [--s3] [--supabase]      both when neither is named

  --dir DIR             keep buckets, objects and credentials here, and find them again
  --s3-port PORT        default: a free one     --s3-bucket NAME   default sandbox-bucket
  --region REGION       default us-east-1       --like STORE       ${Object.keys(STORES_LIKE).join(', ')}
  --supabase-port PORT  default: a free one     --supabase-bucket NAME   default training-datasets
  --seed N              seed of the faults' probabilities
  --json                print one JSON object instead of shell lines

Faults, bandwidth and the request log are switched over HTTP while it runs:
  curl -X POST $AWS_ENDPOINT_URL_S3/__sandbox/faults -d '{"operation":"PutObject","times":2,"action":{"kind":"status","status":503}}'
`;

const { values } = parseArgs({
  options: {
    s3: { type: 'boolean' },
    supabase: { type: 'boolean' },
    dir: { type: 'string' },
    's3-port': { type: 'string' },
    's3-bucket': { type: 'string' },
    region: { type: 'string' },
    like: { type: 'string' },
    'supabase-port': { type: 'string' },
    'supabase-bucket': { type: 'string' },
    seed: { type: 'string' },
    json: { type: 'boolean' },
    help: { type: 'boolean' },
  },
});

interface Credentials {
  secretAccessKey: string;
  jwtSecret: string;
}

/** The same at every start over one directory, so that what was configured once goes on working. */
function credentialsIn(dir: string | undefined): Credentials {
  const fresh = { secretAccessKey: randomBytes(30).toString('base64'), jwtSecret: randomBytes(32).toString('hex') };
  if (dir === undefined) return fresh;
  mkdirSync(dir, { recursive: true });
  const path = join(dir, 'credentials.json');
  if (!existsSync(path)) writeJson(path, fresh);
  return readJson<Credentials>(path);
}

function numberOf(value: string | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

function storeLike(value: string | undefined): StoreLike | undefined {
  if (value === undefined || value in STORES_LIKE) return value as StoreLike | undefined;
  throw new RangeError(`--like ${value}: known are ${Object.keys(STORES_LIKE).join(', ')}`);
}

async function runS3({ secretAccessKey }: Credentials): Promise<S3Sandbox> {
  return await startS3Sandbox({
    dir: values.dir === undefined ? undefined : join(values.dir, 's3'),
    port: numberOf(values['s3-port']),
    bucket: values['s3-bucket'],
    region: values.region,
    like: storeLike(values.like),
    faultSeed: numberOf(values.seed),
    secretAccessKey,
  });
}

async function runSupabase({ jwtSecret }: Credentials): Promise<SupabaseSandbox> {
  return await startSupabaseSandbox({
    dir: values.dir === undefined ? undefined : join(values.dir, 'supabase'),
    port: numberOf(values['supabase-port']),
    bucket: values['supabase-bucket'],
    faultSeed: numberOf(values.seed),
    jwtSecret,
  });
}

function s3Environment(sandbox: S3Sandbox): Record<string, string> {
  return {
    AWS_ENDPOINT_URL_S3: sandbox.url,
    AWS_ENDPOINT_URL_STS: sandbox.url,
    AWS_ACCESS_KEY_ID: sandbox.accessKeyId,
    AWS_SECRET_ACCESS_KEY: sandbox.secretAccessKey,
    AWS_REGION: sandbox.region,
    S3_BUCKET: sandbox.bucket,
  };
}

function supabaseEnvironment(sandbox: SupabaseSandbox): Record<string, string> {
  return {
    SUPABASE_URL: sandbox.url,
    SUPABASE_SERVICE_ROLE_KEY: sandbox.serviceRoleKey,
    SUPABASE_JWT_SECRET: sandbox.jwtSecret,
    SUPABASE_STORAGE_BUCKET: sandbox.bucket,
  };
}

function print(environment: Record<string, string>): void {
  if (values.json) console.log(JSON.stringify(environment));
  else
    console.log(
      Object.entries(environment)
        .map(([name, value]) => `export ${name}='${value}'`)
        .join('\n'),
    );
}

async function main(): Promise<void> {
  const credentials = credentialsIn(values.dir);
  const both = values.s3 !== true && values.supabase !== true;
  const s3 = both || values.s3 ? await runS3(credentials) : undefined;
  const supabase = both || values.supabase ? await runSupabase(credentials) : undefined;
  print({
    ...(s3 === undefined ? {} : s3Environment(s3)),
    ...(supabase === undefined ? {} : supabaseEnvironment(supabase)),
    ALLOW_PRIVATE_ENDPOINTS: 'true',
  });
  const stop = async () => await Promise.all([s3?.close(), supabase?.close()]);
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void stop().then(() => process.exit(0)));
}

if (values.help) console.log(HELP);
else await main();
