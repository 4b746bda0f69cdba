import { z } from 'zod';
import { LongshoreError } from '@/lib/errors.ts';
import { readJson } from '@/lib/http/body.ts';
import { isSecretProvider } from '@/lib/secrets/providers/provider-registry.ts';
import { SECRET_PROVIDERS, type SecretProvider } from '@/lib/secrets/secrets.types.ts';

/** What requests about secrets have in common, and how their answers look in /openapi.json. */
const flag = z
  .enum(['true', 'false', '1', '0'])
  .default('false')
  .transform((text) => text === 'true' || text === '1');

/** Take keys that the body leaves out from the stored secret. */
const keep_keys = flag;

export const putSecretQuery = z.object({
  keep_keys,
  /** Keep it although its test fails: marked, and not used before a test passes. */
  store_failing: flag,
  /** Make the bucket when it does not exist. */
  create_bucket: flag,
});
export const testSecretQuery = z.object({ keep_keys, create_bucket: flag });

/** Bodies are read by the secrets themselves, whose messages never repeat what was sent. */
export const secretBody = z.unknown();

export const MAX_SECRET_BYTES = 64 * 1024;

/** @throws provider_unknown */
export function providerOf(params: Readonly<Record<string, string>>): SecretProvider {
  const name = params.provider ?? '';
  if (isSecretProvider(name)) return name;
  throw new LongshoreError('provider_unknown', 'There is no provider of this name.', {
    hint: `Use one of: ${SECRET_PROVIDERS.join(', ')}.`,
  });
}

/** The body, or undefined where the request has none. */
export async function optionalSecretBody(request: Request): Promise<unknown> {
  const absent = request.body === null || request.headers.get('content-length') === '0';
  return absent ? undefined : readJson(request, MAX_SECRET_BYTES);
}

const checkView = z.object({
  id: z.string(),
  title: z.string(),
  status: z.enum(['ok', 'failed', 'skipped']),
  required: z.boolean(),
  message: z.string(),
  code: z.string().optional(),
  action: z.string().optional(),
  remedy: z.string().optional(),
  duration_ms: z.number(),
});

export const reportView = z.object({
  subject: z.string(),
  status: z.enum(['ok', 'failed', 'inconclusive']),
  summary: z.string(),
  checks: z.array(checkView),
  suggestions: z.object({
    region: z.string().optional(),
    create_bucket: z.boolean().optional(),
    username: z.string().optional(),
  }),
  started_at: z.string(),
  duration_ms: z.number(),
});

const awsView = z.object({
  s3_bucket: z.string(),
  region: z.string(),
  endpoint: z.string().nullable(),
  role_arn: z.string().nullable(),
  external_id: z.string(),
  sagemaker_role_arn: z.string().nullable(),
});

export const secretView = z.object({
  id: z.string(),
  provider: z.enum(SECRET_PROVIDERS),
  version: z.number(),
  state: z.enum(['untested', 'active', 'superseded', 'failed', 'deleted']),
  last_four: z.string().nullable(),
  metadata: z.object({
    aws: awsView.optional(),
    lambda: z.object({ ssh_key_name: z.string().optional() }).optional(),
    huggingface: z.object({ username: z.string().optional() }).optional(),
  }),
  report: reportView.nullable(),
  tested_at: z.string().nullable(),
  created_at: z.string(),
  updated_at: z.string(),
});

const usageView = z.object({
  replica_count: z.number(),
  dataset_count: z.number(),
  sole_copy_count: z.number(),
  sole_copies: z.array(z.object({ id: z.string(), name: z.string() })),
});

const providerView = z.object({
  id: z.enum(SECRET_PROVIDERS),
  title: z.string(),
  purpose: z.string(),
  where: z.string(),
  url: z.string(),
  fields: z.array(
    z.object({
      name: z.string(),
      label: z.string(),
      help: z.string(),
      placeholder: z.string(),
      required: z.boolean(),
      secret: z.boolean(),
    }),
  ),
});

const policyView = z.object({ Version: z.string(), Statement: z.array(z.record(z.string(), z.unknown())) });

export const policiesView = z.object({
  external_id: z.string(),
  principal_arn: z.string().nullable(),
  permissions_policy: policyView,
  trust_policy: policyView.nullable(),
});

export const overviewView = z.object({
  secrets: z.array(secretView),
  usage: usageView,
  providers: z.array(providerView),
  aws: policiesView,
});

export const installationReportView = reportView.extend({
  platform_bucket: reportView.nullable(),
  data: z
    .object({
      datasets: z.number(),
      bytes: z.number(),
      datasets_of_unknown_size: z.number(),
      users_with_datasets: z.number(),
      users_with_bucket: z.number(),
    })
    .nullable(),
  phases: z.array(z.object({ phase: z.string(), possible: z.boolean(), reason: z.string() })),
});
