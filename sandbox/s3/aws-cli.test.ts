import { execFile, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '@/tests/support/sandbox-clients.ts';
import { type S3Sandbox, startS3Sandbox } from './start-s3-sandbox.ts';

/** Of the Debian package awscli, or any other on the path. */
function hasAwsCli(): boolean {
  try {
    execFileSync('aws', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    process.stderr.write(
      'NOT TESTED: the AWS CLI against the S3 sandbox, because there is no `aws` (package awscli)\n',
    );
    return false;
  }
}

describe.runIf(hasAwsCli())('the AWS CLI', () => {
  let sandbox: S3Sandbox;
  let dir: string;

  beforeAll(async () => {
    sandbox = await startS3Sandbox();
    dir = await mkdtemp(join(tmpdir(), 'aws-cli-test-'));
  });
  afterAll(async () => {
    await sandbox.close();
    await rm(dir, { recursive: true });
  });

  async function aws(...args: string[]): Promise<string> {
    const env = {
      PATH: process.env.PATH,
      HOME: dir,
      AWS_ACCESS_KEY_ID: sandbox.accessKeyId,
      AWS_SECRET_ACCESS_KEY: sandbox.secretAccessKey,
      AWS_DEFAULT_REGION: sandbox.region,
      AWS_EC2_METADATA_DISABLED: 'true',
    };
    return (await promisify(execFile)('aws', ['--endpoint-url', sandbox.url, ...args], { env })).stdout;
  }

  it('uploads in one piece and in parts, lists, reads back and deletes', async () => {
    const [small, large] = [randomBytes(1000), randomBytes(20_000_000)];
    await writeFile(join(dir, 'small'), small);
    await writeFile(join(dir, 'large'), large);
    const bucket = `s3://${sandbox.bucket}`;
    const copy = (from: string, to: string, ...more: string[]) =>
      aws('s3', 'cp', '--only-show-errors', from, to, ...more);
    await copy(join(dir, 'small'), `${bucket}/ü/small`, '--metadata', 'a=1', '--content-type', 'application/gzip');
    await copy(join(dir, 'large'), `${bucket}/large`);
    expect(sandbox.objects.stat('ü/small')).toMatchObject({ metadata: { a: '1' }, contentType: 'application/gzip' });
    expect(sandbox.log.list('UploadPart').length).toBeGreaterThan(1);
    await copy(`${bucket}/large`, join(dir, 'back'));
    expect(sha256(await readFile(join(dir, 'back')))).toBe(sha256(large));
    expect(await aws('s3', 'ls', '--recursive', `${bucket}/`)).toMatch(/1000 ü\/small/);
    await aws('s3', 'rm', '--recursive', '--only-show-errors', `${bucket}/`);
    expect(sandbox.objects.keys()).toEqual([]);
  }, 120_000);

  it('asks STS who it is', async () => {
    const who = await aws('sts', 'get-caller-identity', '--output', 'json');
    expect(JSON.parse(who)).toMatchObject({ Account: '111122223333' });
  }, 60_000);
});
