import { createHash } from 'node:crypto';
import type { MasterKeys } from '@/lib/config/master-key.ts';
import type { Database } from '@/lib/db/database.ts';
import type { IdGenerator } from '@/lib/db/ids.ts';
import { AwsRequester } from '@/lib/secrets/aws/aws-request.ts';
import { AwsSessions, type PlatformIdentity } from '@/lib/secrets/aws/aws-sessions.ts';
import { StsClient } from '@/lib/secrets/aws/sts.ts';
import { AwsDoctor } from '@/lib/secrets/doctor/aws-doctor.ts';
import { Keyring } from '@/lib/secrets/envelope.ts';
import type { HttpSend } from '@/lib/secrets/http-port.ts';
import { MasterKeyRotation } from '@/lib/secrets/master-key-rotation.ts';
import type { AuditSink, SecretUsage } from '@/lib/secrets/ports.ts';
import { ProviderTester } from '@/lib/secrets/provider-tester.ts';
import type { ProviderBaseUrls } from '@/lib/secrets/providers/token-test.ts';
import { SecretBox } from '@/lib/secrets/secret-box.ts';
import { SecretCache } from '@/lib/secrets/secret-cache.ts';
import type { SecretProvider } from '@/lib/secrets/secrets.types.ts';
import { type ChangeOptions, type InputOptions, SecretsManager } from '@/lib/secrets/secrets-manager.ts';
import { type SecretsOverview, secretsOverview, type TestAnswer, testAnswer } from '@/lib/secrets/secrets-overview.ts';

export interface SecretsOptions {
  db: Database;
  keys: Pick<MasterKeys, 'current' | 'previous'>;
  installationId: string;
  usage: SecretUsage;
  audit: AuditSink;
  /** Through the endpoint guard. */
  send: HttpSend;
  /** Who this installation is at AWS; undefined: nobody. */
  platform: PlatformIdentity | undefined;
  providerUrls: ProviderBaseUrls;
  /** ALLOW_PRIVATE_ENDPOINTS. */
  allowPrivateEndpoints: boolean;
  newId: IdGenerator;
  /** Rows a batch of a change of the master key. Default 100. */
  rotationBatch?: number;
  now?: () => Date;
}

export interface Secrets {
  readonly manager: SecretsManager;
  /** Turns an AWS secret into credentials to sign with. */
  readonly sessions: AwsSessions;
  readonly doctor: AwsDoctor;
  readonly rotation: MasterKeyRotation;
  externalIdOf(userId: string): string;
  /** All that a person sees of the own secrets. */
  overview(userId: string): Promise<SecretsOverview>;
  /** Tests what was given, or with `body` undefined what is stored, and shows the IAM documents that belong to it. */
  test(
    userId: string,
    provider: SecretProvider,
    body: unknown,
    options: ChangeOptions & InputOptions,
  ): Promise<TestAnswer>;
}

/** Everything about secrets, wired. */
export function createSecrets(options: SecretsOptions): Secrets {
  const { db, keys, send, platform, allowPrivateEndpoints, usage, audit, newId } = options;
  const now = options.now ?? (() => new Date());
  const keyring = new Keyring(keys);
  const sessions = new AwsSessions({ sts: new StsClient(new AwsRequester({ send, now })), now, platform });
  const doctor = new AwsDoctor({ send, now, platform, allowPlainHttp: allowPrivateEndpoints });
  const tester = new ProviderTester(doctor, { send, now, baseUrls: options.providerUrls });
  const cache = new SecretCache({ nowMs: () => now().getTime() });
  const externalIdOf = (userId: string) => externalId(options.installationId, userId);
  const box = new SecretBox(keyring);
  const manager = new SecretsManager({ db, box, cache, tester, usage, audit, sessions, externalIdOf, newId, now });
  const parts = { manager, sessions, externalIdOf };
  return {
    ...parts,
    doctor,
    rotation: new MasterKeyRotation(db, keyring, options.rotationBatch),
    overview: (userId) => secretsOverview(parts, userId),
    test: (userId, provider, body, change) => testAnswer(parts, { userId, provider, body }, change),
  };
}

/**
 * The external id with which roles of this user are assumed: one for each user of each installation, never chosen by the
 * user, so that nobody can have us assume a role that trusts us for somebody else. It is no secret.
 */
export function externalId(installationId: string, userId: string): string {
  const hash = createHash('sha256').update(JSON.stringify(['longshore external id', installationId, userId]));
  return `longshore-${hash.digest('hex').slice(0, 32)}`;
}
