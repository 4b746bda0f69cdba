import { randomBytes } from 'node:crypto';
import { addUserWithKey } from '@/lib/accounts/add-user.ts';
import { AdminKeyFile } from '@/lib/accounts/admin-key-file.ts';
import { ApiKeys } from '@/lib/accounts/api-keys.ts';
import { AuditLog } from '@/lib/accounts/audit-log.ts';
import { JobTokens } from '@/lib/accounts/job-tokens.ts';
import { Sessions } from '@/lib/accounts/sessions.ts';
import { type Role, type User, Users } from '@/lib/accounts/users.ts';
import { composeDataPlane, type DataPlane } from '@/lib/composition/data-plane.ts';
import { type Config, configuredBaseUrl, readConfig } from '@/lib/config/config.ts';
import { loadMasterKeys, type MasterKeys } from '@/lib/config/master-key.ts';
import { type DatabaseHandle, openDatabase } from '@/lib/db/database.ts';
import { RequestAuthenticator } from '@/lib/http/authenticator.ts';
import { EventHub } from '@/lib/http/events.ts';
import { Readiness } from '@/lib/http/readiness.ts';
import { SessionCookie } from '@/lib/http/session-cookie.ts';
import { SignIn } from '@/lib/http/sign-in.ts';
import { SignInLimit } from '@/lib/http/sign-in-limit.ts';
import { SupabaseJwtVerifier } from '@/lib/http/supabase-jwt.ts';
import { createLogger, type Logger } from '@/lib/observability/logger.ts';
import { Metrics } from '@/lib/observability/metrics.ts';

/** Everything a process of Longshore is made of: built here, handed to routes and commands, closed once. */
export interface Application extends Omit<DataPlane, 'close'> {
  readonly config: Config;
  /** Where this installation is reached; signed URLs and links begin with it. */
  readonly baseUrl: URL;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly keys: MasterKeys;
  readonly database: DatabaseHandle;
  readonly events: EventHub;
  readonly readiness: Readiness;
  readonly accounts: Accounts;
  readonly authenticator: RequestAuthenticator;
  readonly signIn: SignIn;
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
  addUserWithKey(input: { name: string; role?: Role }, actor: string): Promise<{ user: User; key: string }>;
}

/**
 * Builds the application. What was opened before a failure is closed again.
 * @param baseUrl where the server already listens; default: PUBLIC_URL, else HOST and PORT
 */
export async function composeApplication(config: Config, baseUrl = configuredBaseUrl(config)): Promise<Application> {
  const log = createLogger({ level: config.logLevel });
  const keys = await loadMasterKeys(config);
  const database = await openConfiguredDatabase(config, baseUrl, log);
  try {
    return await composeOn({ config, baseUrl, log, keys, database });
  } catch (error) {
    await database.close();
    throw error;
  }
}

function openConfiguredDatabase(config: Config, baseUrl: URL, log: Logger): Promise<DatabaseHandle> {
  const { database, dataDir } = config;
  if (database.kind === 'embedded') return openDatabase({ dataDir, serverUrl: baseUrl.origin, log });
  return openDatabase({ url: database.url, poolSize: database.poolSize, log });
}

/** For route files in a server that is not ours: the environment decides everything. */
export function composeFromEnvironment(): Promise<Application> {
  return composeApplication(readConfig());
}

interface Ground {
  config: Config;
  baseUrl: URL;
  log: Logger;
  keys: MasterKeys;
  database: DatabaseHandle;
}

async function composeOn(ground: Ground): Promise<Application> {
  const { config, database } = ground;
  const accounts = composeAccounts(ground);
  if (config.auth.mode === 'local') await accounts.adminKeyFile.ensure();
  const events = new EventHub(randomBytes(6).toString('hex'));
  const readiness = new Readiness();
  readiness.add('database', () => database.ping());
  const plane = await composeDataPlane({ ...ground, events });
  const close = async () => {
    events.close();
    await plane.close();
    await database.close();
  };
  return {
    ...ground,
    ...plane,
    ...composeSignIn(ground, accounts),
    metrics: new Metrics(),
    events,
    readiness,
    accounts,
    close,
  };
}

function composeAccounts({ config, keys, database: { db } }: Ground): Accounts {
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

function composeSignIn(
  { config, keys, log }: Ground,
  accounts: Accounts,
): Pick<Application, 'authenticator' | 'signIn'> {
  const { sessions, audit } = accounts;
  const cookie = new SessionCookie(keys.derive('session').toString('hex').slice(0, 8), config.publicUrl);
  const supabase = config.auth.mode === 'supabase' ? new SupabaseJwtVerifier(config.auth) : undefined;
  const limit = new SignInLimit();
  const authenticator = new RequestAuthenticator({ ...accounts, cookie, limit, supabase, log });
  return { authenticator, signIn: new SignIn({ sessions, authenticator, cookie, audit }) };
}
