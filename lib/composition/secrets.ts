import type { AuditLog } from '@/lib/accounts/audit-log.ts';
import type { Config } from '@/lib/config/config.ts';
import type { MasterKeys } from '@/lib/config/master-key.ts';
import type { Database } from '@/lib/db/database.ts';
import { newId } from '@/lib/db/ids.ts';
import { ReplicaSecretUsage } from '@/lib/placement/secret-usage.ts';
import type { PlatformIdentity } from '@/lib/secrets/aws/aws-sessions.ts';
import { DEFAULT_PROVIDER_URLS, type ProviderBaseUrls } from '@/lib/secrets/providers/token-test.ts';
import { createSecrets, type Secrets } from '@/lib/secrets/secrets.ts';
import type { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import { HttpClient } from '@/lib/storage/http-client.ts';

export interface SecretsGround {
  config: Pick<Config, 'awsIdentity' | 'providerUrls' | 'allowPrivateEndpoints'>;
  keys: MasterKeys;
  db: Database;
  audit: AuditLog;
  installationId: string;
  guard: EndpointGuard;
}

export function composeSecrets({ config, keys, db, audit, installationId, guard }: SecretsGround): Secrets {
  const client = new HttpClient(guard, { provider: 's3', operation: 'probe' });
  return createSecrets({
    db,
    keys,
    installationId,
    usage: new ReplicaSecretUsage(),
    audit,
    send: (call) => client.send(call),
    platform: platformIdentity(config),
    providerUrls: providerUrls(config),
    allowPrivateEndpoints: config.allowPrivateEndpoints,
    newId,
  });
}

function platformIdentity({ awsIdentity }: Pick<Config, 'awsIdentity'>): PlatformIdentity | undefined {
  if (awsIdentity === undefined) return undefined;
  const { credentials, region, stsEndpoint } = awsIdentity;
  return { credentials: async () => credentials, sts: { region, endpoint: stsEndpoint?.href } };
}

function providerUrls({
  providerUrls: { runpod, lambda, huggingface },
}: Pick<Config, 'providerUrls'>): ProviderBaseUrls {
  return {
    runpod: runpod?.href ?? DEFAULT_PROVIDER_URLS.runpod,
    lambda: lambda?.href ?? DEFAULT_PROVIDER_URLS.lambda,
    huggingface: huggingface?.href ?? DEFAULT_PROVIDER_URLS.huggingface,
  };
}
