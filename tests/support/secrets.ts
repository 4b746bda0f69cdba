import { randomBytes } from 'node:crypto';
import { AuditLog } from '@/lib/accounts/audit-log.ts';
import type { MasterKey } from '@/lib/config/master-key.ts';
import type { Database } from '@/lib/db/database.ts';
import { newId } from '@/lib/db/ids.ts';
import { ReplicaSecretUsage } from '@/lib/placement/secret-usage.ts';
import { DEFAULT_PROVIDER_URLS } from '@/lib/secrets/providers/token-test.ts';
import { createSecrets, type Secrets, type SecretsOptions } from '@/lib/secrets/secrets.ts';
import type { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import { HttpClient } from '@/lib/storage/http-client.ts';

export function newMasterKey(): MasterKey {
  return { id: randomBytes(8).toString('hex'), bytes: randomBytes(32) };
}

/** Secrets over a real database and a guard that the test chooses; everything else as in the application. */
export function secretsFor(db: Database, guard: EndpointGuard, changes: Partial<SecretsOptions> = {}): Secrets {
  const client = new HttpClient(guard, { provider: 's3', operation: 'probe' });
  return createSecrets({
    db,
    keys: { current: newMasterKey(), previous: [] },
    installationId: 'installation-1',
    usage: new ReplicaSecretUsage(),
    audit: new AuditLog(db),
    send: (call) => client.send(call),
    platform: undefined,
    providerUrls: DEFAULT_PROVIDER_URLS,
    allowPrivateEndpoints: guard.allowPrivateEndpoints,
    newId,
    ...changes,
  });
}
