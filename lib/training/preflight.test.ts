import { describe, expect, it } from 'vitest';
import type { Dataset } from '@/lib/datasets/dataset.ts';
import { LongshoreError } from '@/lib/errors.ts';
import type { IngestReport, TargetVerdict } from '@/lib/ingest/types.ts';
import type { DoctorReport } from '@/lib/secrets/doctor/report.ts';
import type { SecretView } from '@/lib/secrets/secrets.types.ts';
import { DATASET, runpodFor, sagemakerFor, secretsOf } from '@/tests/support/deploy-targets.ts';
import type { LaunchDataset } from './deploy-targets/deploy-target.ts';
import { LocalTarget } from './deploy-targets/local-target.ts';
import { sagemakerOptions } from './deploy-targets/sagemaker-options.ts';
import { Preflight, type PreflightParts, type PreflightQuestion, type Trainer } from './preflight.ts';

const NOW = new Date('2026-11-01T12:00:00Z');
const NOWHERE = { url: 'http://127.0.0.1:1' };
const runpod = runpodFor(NOWHERE, secretsOf({ runpod: { api_key: 'rpa', metadata: {} } }));

const report = (status: DoctorReport['status']): DoctorReport => ({
  ...{ subject: 'runpod', status, summary: `It is ${status}.`, suggestions: {}, started_at: '', duration_ms: 1 },
  checks: [
    {
      id: 'token',
      title: 'API key',
      status: 'failed',
      required: true,
      message: 'no',
      remedy: 'Mend it.',
      duration_ms: 1,
    },
  ],
});
const secret = (testedAt: string): SecretView => ({
  ...{
    id: 's',
    provider: 'runpod',
    version: 1,
    state: 'active',
    last_four: null,
    metadata: {},
    created_at: '',
    updated_at: '',
  },
  ...{ report: report('ok'), tested_at: testedAt },
});

interface Circumstances {
  baseUrl?: string;
  /** What our own address answers; undefined: nothing. */
  answers?: number;
  verdicts?: TargetVerdict[];
  secrets?: SecretView[];
  test?: DoctorReport['status'] | LongshoreError;
}

function preflight({
  baseUrl = 'https://longshore.example.org',
  answers,
  verdicts,
  ...more
}: Circumstances): Preflight {
  const { secrets = [secret('2026-11-01T11:59:00Z')], test = 'ok' } = more;
  const parts: PreflightParts = {
    baseUrl: new URL(baseUrl),
    now: () => NOW,
    report: async () => (verdicts === undefined ? undefined : ({ targets: verdicts } as IngestReport)),
    send: async () => {
      if (answers === undefined) throw new Error('no answer');
      return { status: answers, headers: {}, body: Buffer.alloc(0) };
    },
    secrets: {
      list: async () => secrets,
      testStored: async () => {
        if (test instanceof LongshoreError) throw test;
        return { secret: secret(''), report: report(test) };
      },
    },
  };
  return new Preflight(parts);
}

const READY = { id: 'd', status: 'ready', contentSha256: 'x' } as Dataset;
const question = (more: { dataset?: Dataset; launch?: LaunchDataset; trainer?: Trainer; disk_gb?: number } = {}) => {
  const { dataset = READY, launch = DATASET, trainer, ...options } = more;
  const asked: PreflightQuestion<ReturnType<typeof runpod.options>> = {
    ...{ userId: 'ada', target: runpod, options: runpod.options(options), dataset, launch, trainer },
  };
  return asked;
};

async function statusOf(code: string, circumstances: Circumstances, more: Parameters<typeof question>[0] = {}) {
  const { checks } = await preflight(circumstances).run(question(more));
  return checks.find((check) => check.code === code);
}

const verdict = (target: TargetVerdict['target'], accepted: boolean): TargetVerdict => {
  return { target, accepted, refuses: accepted ? [] : [{ code: 'E_TARGET_KIND', count: 1 }], warns: [] };
};

describe('the address of the installation', () => {
  it.each([
    ['http://127.0.0.1:3000', 200, 'warning'],
    ['http://localhost:3000', 200, 'warning'],
    ['http://[::1]:3000', 200, 'warning'],
    ['http://10.1.2.3', 200, 'warning'],
    ['http://longshore', 200, 'warning'],
    ['https://box.local', 200, 'warning'],
    ['http://longshore.example.org', 200, 'warning'],
    ['https://longshore.example.org', undefined, 'warning'],
    ['https://longshore.example.org', 404, 'warning'],
    ['https://longshore.example.org', 200, 'ok'],
  ])('%s answering %s is %s', async (baseUrl, answers, status) => {
    const check = await statusOf('public_url_unreachable', { baseUrl, answers });
    expect(check?.status).toBe(status);
    expect(check?.remedy === null).toBe(status === 'ok');
  });

  it('does not matter where nobody calls back', async () => {
    const asked = {
      userId: 'ada',
      target: new LocalTarget(),
      options: {},
      dataset: READY,
      launch: DATASET,
      trainer: undefined,
    };
    const { checks } = await preflight({ baseUrl: 'http://127.0.0.1:1' }).run(asked);
    expect(checks.map(({ code }) => code)).toEqual(['dataset_not_indexed', 'dataset_not_for_trainer']);
  });
});

describe('the format', () => {
  it.each([
    [undefined, undefined, 'warning'],
    [[verdict('trl', true), verdict('axolotl', false)], undefined, 'ok'],
    [[verdict('openai', true), verdict('axolotl', false)], undefined, 'warning'],
    [[verdict('trl', true), verdict('axolotl', false)], 'axolotl', 'failed'],
    [[verdict('trl', true), verdict('axolotl', false)], 'trl', 'ok'],
  ] as const)('%j for %s is %s', async (verdicts, trainer, status) => {
    const check = await statusOf('dataset_not_for_trainer', { verdicts: verdicts && [...verdicts] }, { trainer });
    expect(check?.status).toBe(status);
  });
});

describe('credentials', () => {
  it.each([
    ['tested a minute ago', { test: 'failed' }, 'target_key_refused', 'ok'],
    ['tested long ago and good', { secrets: [secret('2026-10-01T00:00:00Z')] }, 'target_key_refused', 'ok'],
    ['tested long ago and refused now', { secrets: [secret('')], test: 'failed' }, 'target_key_refused', 'failed'],
    ['of a provider that cannot say', { secrets: [secret('')], test: 'inconclusive' }, 'target_key_refused', 'warning'],
    [
      'that are being tested already',
      { secrets: [secret('')], test: new LongshoreError('too_many_tests', 'wait') },
      'target_key_refused',
      'warning',
    ],
    ['that are not there', { secrets: [] }, 'target_secret_missing', 'failed'],
  ] as const)('%s', async (_what, circumstances, code, status) => {
    const { secrets, test } = circumstances as Circumstances;
    expect((await statusOf(code, { secrets: secrets && [...secrets], test }))?.status).toBe(status);
  });
});

describe('the disk', () => {
  it.each([
    [50, 1e9, 10e9, 'ok'],
    [10, 1e9, 10e9, 'failed'],
    [50, null, null, 'warning'],
  ])('of %d GB for %s + %s bytes is %s', async (disk_gb, objectSizeBytes, contentSizeBytes, status) => {
    const launch = { ...DATASET, objectSizeBytes, contentSizeBytes };
    expect((await statusOf('disk_too_small', {}, { disk_gb, launch }))?.status).toBe(status);
  });
});

describe('SageMaker', () => {
  const aws = { secret_access_key: 's', s3_bucket: 'mine', region: 'eu-west-1', external_id: 'x' };
  const target = sagemakerFor(NOWHERE, secretsOf({ aws: { api_key: 'AKIA', metadata: { aws } } }));
  const mine = { bucket: 'mine', key: 'k', region: 'eu-west-1' };
  const role_arn = 'arn:aws:iam::111122223333:role/train';

  it.each([
    ['a copy in the own bucket', { role_arn }, { s3: mine, inS3: true }, ['ok', 'ok', 'ok']],
    ['no role', {}, { s3: mine, inS3: true }, ['failed', 'ok', 'ok']],
    ['no copy', { role_arn }, { s3: undefined, inS3: false }, ['ok', 'failed']],
    ['the installation’s copy, for the worker', { role_arn }, { s3: undefined, inS3: true }, ['ok', 'warning']],
    [
      'the installation’s copy, for an image',
      { role_arn, runs: 'image' },
      { s3: undefined, inS3: true },
      ['ok', 'failed'],
    ],
    ['another region', { role_arn, region: 'us-east-1' }, { s3: mine, inS3: true }, ['ok', 'ok', 'failed']],
  ])('looks at role, copy and region: %s', async (_what, given, where, statuses) => {
    const options = sagemakerOptions.parse({ image: 'x', ...given });
    const checks = await target.checks('ada', options, { ...DATASET, ...where });
    expect(checks.map(({ status }) => status)).toEqual(statuses);
  });
});

it('is as good as its worst check', async () => {
  const good = { answers: 200, verdicts: [verdict('trl', true)] };
  expect((await preflight(good).run(question())).status).toBe('ok');
  expect((await preflight({ ...good, answers: undefined }).run(question())).status).toBe('warning');
  const unready = question({ dataset: { ...READY, status: 'uploading' } as Dataset });
  const { status, checks } = await preflight(good).run(unready);
  expect([status, checks[0]?.code]).toEqual(['failed', 'dataset_uploading']);
});
