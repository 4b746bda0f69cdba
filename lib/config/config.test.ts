import { describe, expect, test } from 'vitest';
import { configuredBaseUrl, readConfig } from './config.ts';
import { ConfigError } from './config-error.ts';
import { requireMigrationDatabase } from './migration-database.ts';

function faultsOf(env: Record<string, string>): ConfigError {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('nothing was found wrong');
}

describe('the environment', () => {
  test('needs nothing', () => {
    const config = readConfig({});
    expect(config).toMatchObject({
      host: '127.0.0.1',
      port: 3000,
      database: { kind: 'embedded' },
      auth: { mode: 'local' },
      supabase: undefined,
      platformBucket: undefined,
      allowPrivateEndpoints: false,
      http: { idleTimeoutMs: 60_000 },
    });
    expect(config.dataDir).toMatch(/^\/.*data$/);
    expect(config.spoolDir).toBe(`${config.dataDir}/spool`);
  });

  test('an empty value means the default', () => {
    expect(readConfig({ PORT: '', LOG_LEVEL: ' ' })).toMatchObject({ port: 3000, logLevel: 'info' });
  });

  test('all faults are told together, each with its name and an example', () => {
    const error = faultsOf({
      PORT: 'eighty',
      PUBLIC_URL: 'longshore.example.org',
      MAX_UPLOAD_BYTES: 'huge',
      LOG_LEVEL: 'loud',
      AUTH_MODE: 'none',
      GZIP_LEVEL: '12',
      DATABASE_URL: 'mysql://db/longshore',
      UPLOAD_IDLE_TIMEOUT: 'soon',
      ALLOW_PRIVATE_ENDPOINTS: 'maybe',
      AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE',
    });
    expect(error.faults.map((fault) => fault.variable).sort()).toEqual([
      'ALLOW_PRIVATE_ENDPOINTS',
      'AUTH_MODE',
      'AWS_SECRET_ACCESS_KEY',
      'DATABASE_URL',
      'ENCRYPTION_KEY',
      'GZIP_LEVEL',
      'LOG_LEVEL',
      'MAX_UPLOAD_BYTES',
      'PORT',
      'PUBLIC_URL',
      'UPLOAD_IDLE_TIMEOUT',
    ]);
    for (const fault of error.faults) expect(error.message).toContain(`${fault.variable}: ${fault.problem}`);
    expect(error.message).toContain('PORT=3000');
    expect(error.message).toContain('openssl rand -hex 32');
  });

  test('no wrong value is repeated: it may be a secret', () => {
    const secrets = {
      ENCRYPTION_KEY: 'not-hex-but-secret-5c5c5c5c',
      ENCRYPTION_KEYS_PREVIOUS: 'older-secret-7d7d7d7d',
      SUPABASE_JWT_SECRET: 'short-secret',
      SUPABASE_SERVICE_ROLE_KEY: 'tiny-secret',
      DATABASE_URL: 'pg://user:password-9e9e@host/db',
      SUPABASE_URL: 'ftp://user:password-1a1a@host',
    };
    const error = faultsOf(secrets);
    expect(error.faults).toHaveLength(6);
    for (const value of Object.values(secrets))
      expect(JSON.stringify([error.message, error.faults])).not.toContain(value);
  });

  test.each([
    [{ DATABASE_URL: 'postgres://h/d' }, 'ENCRYPTION_KEY'],
    [{ SUPABASE_SERVICE_ROLE_KEY: 'x'.repeat(40) }, 'SUPABASE_URL'],
    [{ SUPABASE_STORAGE_BUCKET: 'training-datasets' }, 'SUPABASE_SERVICE_ROLE_KEY'],
    [{ AUTH_MODE: 'supabase' }, 'SUPABASE_URL'],
    [{ AWS_SECRET_ACCESS_KEY: 'x'.repeat(40) }, 'AWS_ACCESS_KEY_ID'],
  ])('settings that need another say so: %j needs %s', (env, missing) => {
    expect(faultsOf(env).faults.map((fault) => fault.variable)).toEqual([missing]);
  });

  test('sizes and times have units', () => {
    const config = readConfig({ MAX_UPLOAD_BYTES: '1.5 GiB', DISK_RESERVE_BYTES: '2MB', UPLOAD_IDLE_TIMEOUT: '250ms' });
    expect(config.limits).toMatchObject({ maxUploadBytes: 1_610_612_736, diskReserveBytes: 2_000_000 });
    expect(config.http.idleTimeoutMs).toBe(250);
    expect(readConfig({ UPLOAD_IDLE_TIMEOUT: '90' }).http.idleTimeoutMs).toBe(90_000);
  });

  test('Supabase keys make it the base store; its URL alone does not', () => {
    const env = { NEXT_PUBLIC_SUPABASE_URL: 'https://abc.supabase.co', SUPABASE_SERVICE_ROLE_KEY: 'k'.repeat(40) };
    expect(readConfig(env).supabase).toMatchObject({ storageBucket: 'training-datasets' });
    expect(readConfig({ SUPABASE_URL: 'https://abc.supabase.co' }).supabase).toBeUndefined();
    expect(readConfig({ AUTH_MODE: 'supabase', SUPABASE_URL: 'https://abc.supabase.co' }).auth.mode).toBe('supabase');
  });

  test('the platform bucket takes the usual AWS variables', () => {
    const aws = { AWS_ACCESS_KEY_ID: 'AKIA1', AWS_SECRET_ACCESS_KEY: 'secret', AWS_ENDPOINT_URL: 'https://a.example' };
    const { platformBucket } = readConfig({ S3_BUCKET: 'sets', ...aws, AWS_ENDPOINT_URL_S3: 'https://s3.example' });
    expect(platformBucket).toMatchObject({
      bucket: 'sets',
      region: 'us-east-1',
      credentials: { accessKeyId: 'AKIA1' },
    });
    expect(platformBucket?.endpoint?.host).toBe('s3.example');
    expect(readConfig({ S3_BUCKET: 'sets' }).platformBucket?.credentials).toBeUndefined();
  });

  test('the address people use', () => {
    expect(configuredBaseUrl(readConfig({ HOST: '0.0.0.0' }), 4000).href).toBe('http://localhost:4000/');
    expect(configuredBaseUrl(readConfig({ HOST: '::1' })).href).toBe('http://[::1]:3000/');
    expect(configuredBaseUrl(readConfig({ PUBLIC_URL: 'https://data.example' }), 4000).href).toBe(
      'https://data.example/',
    );
  });

  test('keys of AWS are an identity there; keys of another store are none, unless it has an STS', () => {
    const keys = { AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 'secret' };
    const stsOf = (env: Record<string, string>) => readConfig({ ...keys, ...env }).awsIdentity?.stsEndpoint?.href;
    expect(readConfig(keys).awsIdentity).toMatchObject({ region: 'us-east-1', stsEndpoint: undefined });
    expect(readConfig({}).awsIdentity).toBeUndefined();
    const minio = { AWS_ENDPOINT_URL_S3: 'https://minio.example.org' };
    expect(readConfig({ ...keys, ...minio }).awsIdentity).toBeUndefined();
    expect(stsOf({ ...minio, AWS_ENDPOINT_URL_STS: 'https://sts.example.org' })).toBe('https://sts.example.org/');
    expect(stsOf({ AWS_ENDPOINT_URL: 'https://ceph.example.org' })).toBe('https://ceph.example.org/');
  });

  test('a migration out of Supabase needs the database whose rows it adopts', () => {
    const supabase = { SUPABASE_URL: 'https://abc.supabase.co', SUPABASE_SERVICE_ROLE_KEY: 'k'.repeat(40) };
    const database = { DATABASE_URL: 'postgres://h/d', ENCRYPTION_KEY: 'ab'.repeat(32) };
    const refused = (env: Record<string, string>) => () => requireMigrationDatabase(readConfig(env));
    expect(refused(supabase)).toThrow(/rows of its database.*are not known/);
    for (const env of [{}, { ...supabase, ...database }, database]) expect(refused(env)).not.toThrow();
  });
});
