import type { Secret, SecretProvider } from '@/lib/secrets/secrets.types.ts';
import type { SecretsManager } from '@/lib/secrets/secrets-manager.ts';
import { secretMissing } from './provider-error.ts';

export type SecretSource = Pick<SecretsManager, 'getSecret'>;

/** The user's active credentials. @throws target_secret_missing */
export async function accountOf<P extends SecretProvider>(
  secrets: SecretSource,
  userId: string,
  account: { provider: P; title: string },
): Promise<Secret<P>> {
  const secret = await secrets.getSecret(userId, account.provider);
  if (secret === undefined) throw secretMissing(account.title, account.provider);
  return secret;
}
