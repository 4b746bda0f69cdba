import type { ApiKeys } from '@/lib/accounts/api-keys.ts';
import type { Role, User, Users } from '@/lib/accounts/users.ts';
import type { Database } from '@/lib/db/database.ts';

/** A new user with a first key: both or neither. @throws name_taken */
export async function addUserWithKey(
  accounts: { db: Database; users: Users; apiKeys: ApiKeys },
  input: { name: string; role?: Role },
  actor: string,
): Promise<{ user: User; key: string }> {
  return accounts.db.transaction(async (tx) => {
    const user = await accounts.users.create(input, actor, tx);
    const { key } = await accounts.apiKeys.create({ userId: user.id, name: 'first key' }, actor, tx);
    return { user, key };
  });
}
