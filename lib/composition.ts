import { randomBytes } from 'node:crypto';
import { AdminKeyFile } from '@/lib/accounts/admin-key-file.ts';
import { ApiKeys } from '@/lib/accounts/api-keys.ts';
import { AuditLog } from '@/lib/accounts/audit-log.ts';
import { JobTokens } from '@/lib/accounts/job-tokens.ts';
import { Sessions } from '@/lib/accounts/sessions.ts';
import { Users } from '@/lib/accounts/users.ts';
import { type Config, readConfig } from '@/lib/config/config.ts';
import { loadMasterKeys, type MasterKeys } from '@/lib/config/master-key.ts';
import { type DatabaseHandle, openDatabase } from '@/lib/db/database.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { RequestAuthenticator } from '@/lib/http/authenticator.ts';
import { EventHub } from '@/lib/http/events.ts';
import { Readiness } from '@/lib/http/readiness.ts';
import { SessionCookie } from '@/lib/http/session-cookie.ts';
import { SignInLimit } from '@/lib/http/sign-in-limit.ts';
import { SupabaseJwtVerifier } from '@/lib/http/supabase-jwt.ts';
import { createLogger, type Logger } from '@/lib/observability/logger.ts';
import { Metrics } from '@/lib/observability/metrics.ts';

/** Everything a process of Longshore is made of: built here, handed to routes and commands, closed once. */
export interface Application {
  readonly config: Config;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly keys: MasterKeys;
  readonly database: DatabaseHandle;
  readonly events: EventHub;
  readonly readiness: Readiness;
  readonly accounts: Accounts;
  readonly authenticator: RequestAuthenticator;
  readonly cookie: SessionCookie;
  /** Gives everything back, in the reverse order of its making. May be called twice. */
  close(): Promise<void>;
}

export interface Accounts {
  readonly users: Users;
  readonly apiKeys: ApiKeys;
  readonly sessions: Sessions;
  readonly jobTokens: JobTokens;
  readonly audit: AuditLog;
  readonly adminKeyFile: AdminKeyFile;
}

/** Builds the application. What was opened before a failure is closed again. */
export async function composeApplication(config: Config): Promise<Application> {
  const log = createLogger({ level: config.logLevel });
  const keys = await loadMasterKeys(config);
  const database = await openConfiguredDatabase(config);
  try {
    return await composeOn({ config, log, keys, database });
  } catch (error) {
    await database.close();
    throw error;
  }
}

function openConfiguredDatabase({ database }: Config): Promise<DatabaseHandle> {
  if (database.kind === 'postgres') return openDatabase(database);
  throw new LongshoreError('database_unavailable', 'There is no embedded database in this build.', {
    hint: 'Set DATABASE_URL.',
  });
}

/** For route files in a server that is not ours: the environment decides everything. */
export function composeFromEnvironment(): Promise<Application> {
  return composeApplication(readConfig());
}

interface Ground {
  config: Config;
  log: Logger;
  keys: MasterKeys;
  database: DatabaseHandle;
}

async function composeOn(ground: Ground): Promise<Application> {
  const { config, keys, database, log } = ground;
  const accounts = composeAccounts(ground);
  if (config.auth.mode === 'local') await accounts.adminKeyFile.ensure();
  const events = new EventHub(randomBytes(6).toString('hex'));
  const cookie = new SessionCookie(keys.derive('session').toString('hex').slice(0, 8), config.publicUrl);
  const { apiKeys, sessions, jobTokens } = accounts;
  const supabase = config.auth.mode === 'supabase' ? new SupabaseJwtVerifier(config.auth) : undefined;
  const limit = new SignInLimit();
  const readiness = new Readiness();
  readiness.add('database', () => database.ping());
  const close = async () => {
    events.close();
    await database.close();
  };
  return {
    ...ground,
    metrics: new Metrics(),
    events,
    readiness,
    accounts,
    cookie,
    authenticator: new RequestAuthenticator({ apiKeys, sessions, jobTokens, cookie, limit, supabase, log }),
    close,
  };
}

function composeAccounts({ config, keys, database }: Ground): Accounts {
  const audit = new AuditLog(database.db);
  const users = new Users(database.db, audit);
  const apiKeys = new ApiKeys(database.db, audit);
  return {
    audit,
    users,
    apiKeys,
    sessions: new Sessions(database.db),
    jobTokens: new JobTokens(keys.derive('job-token')),
    adminKeyFile: new AdminKeyFile(config.dataDir, { db: database.db, users, apiKeys }),
  };
}
