import { randomBytes } from 'node:crypto';
import { type Accounts, composeAccounts, composeSignIn } from '@/lib/composition/accounts.ts';
import { composeBaseStore } from '@/lib/composition/base-store.ts';
import { Closing } from '@/lib/composition/closing.ts';
import { composeDataPlane, type DataPlane } from '@/lib/composition/data-plane.ts';
import { composeInstallationDoctor } from '@/lib/composition/doctor.ts';
import { composeFiles, type Files } from '@/lib/composition/files.ts';
import { composeBulkStores } from '@/lib/composition/migration.ts';
import { composePhases, type Phases } from '@/lib/composition/phases.ts';
import { composeSecrets } from '@/lib/composition/secrets.ts';
import { composeStores } from '@/lib/composition/stores.ts';
import { type Config, configuredBaseUrl, readConfig, silenceSdkNotice } from '@/lib/config/config.ts';
import { loadMasterKeys, type MasterKeys } from '@/lib/config/master-key.ts';
import type { BackupSummary } from '@/lib/db/backup/backup.ts';
import { type BackupOnServerOptions, backupOnServer } from '@/lib/db/backup/backup-on-server.ts';
import { type DatabaseHandle, openDatabase } from '@/lib/db/database.ts';
import { newId } from '@/lib/db/ids.ts';
import { installationId } from '@/lib/db/installation.ts';
import type { RequestAuthenticator } from '@/lib/http/authenticator.ts';
import { EventHub } from '@/lib/http/events.ts';
import { Readiness } from '@/lib/http/readiness.ts';
import type { SignIn } from '@/lib/http/sign-in.ts';
import { createLogger, type Logger } from '@/lib/observability/logger.ts';
import { Metrics } from '@/lib/observability/metrics.ts';
import type { InstallationDoctor } from '@/lib/secrets/doctor/installation-doctor.ts';
import type { Secrets } from '@/lib/secrets/secrets.ts';
import { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import { ensureFolder } from '@/lib/storage/filesystem-durability.ts';
import type { DatasetStorage } from '@/lib/storage/storage-factory.ts';

/** Everything a process of Longshore is made of: built here, handed to routes and commands, closed once. */
export interface Application extends DataPlane, Phases {
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
  readonly installationId: string;
  /** For every connection to an address that a user gave. */
  readonly guard: EndpointGuard;
  readonly secrets: Secrets;
  /** Objects of the filesystem store, and the URLs under /files that open them. */
  readonly files: Files;
  /** Supabase Storage when configured, else the filesystem. */
  readonly baseStore: DatasetStorage;
  readonly doctor: InstallationDoctor;
  /** Writes all rows to a file in DATA_DIR/backups. */
  readonly backup: (options: BackupOnServerOptions) => Promise<BackupSummary>;
  /** Gives everything back, in the reverse order of its making. May be called twice. */
  close(): Promise<void>;
}

/**
 * Builds the application. What was opened before a failure is closed again.
 * @param baseUrl where the server already listens; default: PUBLIC_URL, else HOST and PORT
 */
export async function composeApplication(config: Config, baseUrl = configuredBaseUrl(config)): Promise<Application> {
  silenceSdkNotice();
  const closing = new Closing();
  try {
    return await compose(await openGround(config, baseUrl, closing));
  } catch (error) {
    await closing.run();
    throw error;
  }
}

/** What everything else stands on. */
export interface Ground {
  config: Config;
  baseUrl: URL;
  log: Logger;
  metrics: Metrics;
  keys: MasterKeys;
  database: DatabaseHandle;
  installationId: string;
  /** Who opens something says here how it is closed. */
  closing: Closing;
}

async function openGround(config: Config, baseUrl: URL, closing: Closing): Promise<Ground> {
  const log = createLogger({ level: config.logLevel });
  // With a database of its own nothing else makes the folder before keys are written to it.
  await ensureFolder(config.dataDir);
  const keys = await loadMasterKeys(config);
  const database = await openConfiguredDatabase(config, baseUrl, log);
  closing.add(() => database.close());
  const metrics = new Metrics();
  return {
    config,
    baseUrl,
    log,
    metrics,
    keys,
    database,
    installationId: await installationId(database.db, newId),
    closing,
  };
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

async function compose(ground: Ground): Promise<Application> {
  const { config, database, closing } = ground;
  const accounts = composeAccounts(ground);
  if (config.auth.mode === 'local') await accounts.adminKeyFile.ensure();
  const readiness = new Readiness();
  readiness.add('database', () => database.ping());
  const guard = new EndpointGuard({ allowPrivateEndpoints: config.allowPrivateEndpoints });
  closing.add(() => guard.close());
  const secrets = composeSecrets({ ...ground, db: database.db, ...accounts, guard });
  const files = await composeFiles(ground);
  const operatorGuard = new EndpointGuard({ allowPrivateEndpoints: true });
  closing.add(() => operatorGuard.close());
  const baseStore = composeBaseStore(config, files, operatorGuard);
  const doctor = composeInstallationDoctor({ config, database, secrets, baseStore, operatorGuard });
  const events = new EventHub(randomBytes(6).toString('hex'));
  closing.add(() => events.close());
  const stores = { config, files, baseStore, secrets, guard, operatorGuard };
  const registry = composeStores(stores);
  const bulk = composeBulkStores(stores);
  const { audit } = accounts;
  const stored = { files, registry, bulk, baseStore };
  const plane = await composeDataPlane({
    ...ground,
    ...stored,
    events,
    secrets,
    audit,
    accounts,
    guard,
    operatorGuard,
  });
  const phases = composePhases({ config, db: database.db, registry, doctor, audit, events, readiness, ...plane });
  const signIn = composeSignIn(ground, accounts);
  return {
    ...{
      ...ground,
      ...plane,
      ...phases,
      ...signIn,
      accounts,
      readiness,
      guard,
      secrets,
      files,
      baseStore,
      doctor,
      events,
    },
    backup: (options) => backupOnServer(database, config.dataDir, options),
    close: () => closing.run(),
  };
}
