import { addUserWithKey } from '@/lib/accounts/add-user.ts';
import { AdminKeyFile } from '@/lib/accounts/admin-key-file.ts';
import { ApiKeys } from '@/lib/accounts/api-keys.ts';
import { AuditLog } from '@/lib/accounts/audit-log.ts';
import { JobTokens } from '@/lib/accounts/job-tokens.ts';
import { Sessions } from '@/lib/accounts/sessions.ts';
import { type Role, type User, Users } from '@/lib/accounts/users.ts';
import type { Config } from '@/lib/config/config.ts';
import type { MasterKeys } from '@/lib/config/master-key.ts';
import type { DatabaseHandle } from '@/lib/db/database.ts';
import { RequestAuthenticator } from '@/lib/http/authenticator.ts';
import { SessionCookie } from '@/lib/http/session-cookie.ts';
import { SignIn } from '@/lib/http/sign-in.ts';
import { SignInLimit } from '@/lib/http/sign-in-limit.ts';
import { SupabaseJwtVerifier } from '@/lib/http/supabase-jwt.ts';
import type { Logger } from '@/lib/observability/logger.ts';

export interface Accounts {
  readonly users: Users;
  readonly apiKeys: ApiKeys;
  readonly sessions: Sessions;
  readonly jobTokens: JobTokens;
  readonly audit: AuditLog;
  readonly adminKeyFile: AdminKeyFile;
  addUserWithKey(input: { name: string; role?: Role }, actor: string): Promise<{ user: User; key: string }>;
}

export interface AccountsGround {
  config: Config;
  keys: MasterKeys;
  database: DatabaseHandle;
  log: Logger;
}

/** Users, their keys and sessions, and the record of what they did. */
export function composeAccounts({ config, keys, database: { db } }: AccountsGround): Accounts {
  const audit = new AuditLog(db);
  const users = new Users(db, audit);
  const apiKeys = new ApiKeys(db, audit);
  return {
    audit,
    users,
    apiKeys,
    sessions: new Sessions(db),
    jobTokens: new JobTokens(keys.derive('job-token')),
    adminKeyFile: new AdminKeyFile(config.dataDir, { db, users, apiKeys }),
    addUserWithKey: (input, actor) => addUserWithKey({ db, users, apiKeys }, input, actor),
  };
}

/** What proves who sends a request. */
export function composeSignIn({ config, keys, log }: AccountsGround, accounts: Accounts) {
  const { sessions, audit } = accounts;
  const cookie = new SessionCookie(keys.derive('session').toString('hex').slice(0, 8), config.publicUrl);
  const supabase = config.auth.mode === 'supabase' ? new SupabaseJwtVerifier(config.auth) : undefined;
  const limit = new SignInLimit();
  const authenticator = new RequestAuthenticator({ ...accounts, cookie, limit, supabase, log });
  return { authenticator, signIn: new SignIn({ sessions, authenticator, cookie, audit }) };
}
