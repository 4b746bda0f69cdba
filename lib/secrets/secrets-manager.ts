import { and, eq, lte } from 'drizzle-orm';
import type { Database, Transaction } from '@/lib/db/database.ts';
import type { IdGenerator } from '@/lib/db/ids.ts';
import { secrets } from '@/lib/db/schema.ts';
import { LongshoreError } from '@/lib/errors.ts';
import type { AwsSessions } from '@/lib/secrets/aws/aws-sessions.ts';
import type { DoctorReport } from '@/lib/secrets/doctor/report.ts';
import type { AuditSink, SecretTester, SecretUsage, TestOptions } from '@/lib/secrets/ports.ts';
import type { SecretBox } from '@/lib/secrets/secret-box.ts';
import type { SecretCache } from '@/lib/secrets/secret-cache.ts';
import { parseSecretInput, withKeysOf } from '@/lib/secrets/secret-input.ts';
import { type SecretHead, type SecretRow, secretRepository } from '@/lib/secrets/secret-repository.ts';
import { lastFour, publicMetadata, viewOf } from '@/lib/secrets/secret-views.ts';
import type {
  Secret,
  SecretContent,
  SecretContents,
  SecretProvider,
  SecretState,
  SecretUsageView,
  SecretView,
} from '@/lib/secrets/secrets.types.ts';

export interface SecretsManagerOptions {
  db: Database;
  box: SecretBox;
  cache: SecretCache;
  tester: SecretTester;
  usage: SecretUsage;
  audit: AuditSink;
  sessions: AwsSessions;
  /** The external id that belongs to a user in this installation: always the same. */
  externalIdOf: (userId: string) => string;
  newId: IdGenerator;
  now: () => Date;
}

export interface ChangeOptions extends TestOptions {
  /** Who changes it: a user id. */
  actor: string;
}

export interface InputOptions extends TestOptions {
  /** Take keys that the input leaves out from the stored secret, e.g. to change the region only. */
  keepKeys?: boolean;
}

export interface PutOptions extends ChangeOptions, InputOptions {
  /** Keep the secret although its test failed. It is marked, and not used before a test passes. */
  storeFailing?: boolean;
}

export interface TestedSecret {
  secret: SecretView;
  report: DoctorReport;
}

const USABLE: ReadonlySet<SecretState> = new Set(['active', 'superseded']);

/**
 * The credentials of users at other services, in versions.
 *
 * A version is used only after it passed its test; then the one before is superseded, and kept for as long as a copy is
 * reached by it. Nothing here is ever returned to a client with its secret: views are for clients, `getSecret` and
 * `getSecretVersion` for the code that speaks to the provider.
 */
export class SecretsManager {
  private readonly options: SecretsManagerOptions;

  constructor(options: SecretsManagerOptions) {
    this.options = options;
  }

  /**
   * The user's active secret, decrypted, or undefined. May be up to ten seconds old when another process changed it.
   * Throws `unknown_encryption_key`, `secret_damaged`.
   */
  async getSecret<P extends SecretProvider>(userId: string, provider: P): Promise<Secret<P> | undefined> {
    const { cache, db, box } = this.options;
    const secret = await cache.get(userId, provider, async () => {
      const row = await secretRepository.findActive(db, userId, provider);
      return row === undefined ? undefined : box.open(row);
    });
    return secret as Secret<P> | undefined;
  }

  /** The version that a copy names. Undefined when it is not the user's, was deleted, or never passed its test. */
  async getSecretVersion(userId: string, secretId: string): Promise<Secret | undefined> {
    const { cache, db, box } = this.options;
    return cache.get(userId, `version ${secretId}`, async () => {
      const row = await secretRepository.findById(db, userId, secretId);
      return row !== undefined && USABLE.has(row.state) ? box.open(row) : undefined;
    });
  }

  /** All versions that still have content, newest first. */
  async list(userId: string): Promise<SecretView[]> {
    const rows = await secretRepository.heads(this.options.db, userId);
    return rows.filter((row) => row.state !== 'deleted').map(viewOf);
  }

  /** What depends on the user's secret of this provider, all versions together. */
  async usage(userId: string, provider: SecretProvider): Promise<SecretUsageView> {
    const rows = await this.kept(userId, provider);
    return this.options.usage.usageOf(this.options.db, userId, idsOf(rows));
  }

  /**
   * Tests what was given, then stores it as the new active version.
   * @throws invalid_secret, secret_test_failed (with the report; nothing was stored)
   */
  async put(userId: string, provider: SecretProvider, body: unknown, options: PutOptions): Promise<TestedSecret> {
    const content = await this.contentOf(userId, provider, body, options);
    const report = await this.options.tester.test(userId, provider, content, options);
    if (report.status !== 'ok' && options.storeFailing !== true) throw testFailed(report);
    const id = await this.options.db.transaction((tx) =>
      this.store(tx, { userId, provider, content, report }, options),
    );
    this.forget(userId);
    return { secret: await this.view(userId, id), report };
  }

  /** Tests what was given, and stores nothing. Throws `invalid_secret`. */
  async testInput(
    userId: string,
    provider: SecretProvider,
    body: unknown,
    options: InputOptions = {},
  ): Promise<DoctorReport> {
    const content = await this.contentOf(userId, provider, body, options);
    return this.options.tester.test(userId, provider, content, options);
  }

  /**
   * Tests the stored secret: the version that waits for its first success if there is one, which then becomes active;
   * else the active one, which stays active whatever the test finds.
   * @throws secret_not_found
   */
  async testStored(userId: string, provider: SecretProvider, options: ChangeOptions): Promise<TestedSecret> {
    const secret = await this.newestSecret(userId, provider);
    const report = await this.options.tester.test(userId, provider, secret as SecretContents[typeof provider], options);
    await this.options.db.transaction((tx) => this.settleTest(tx, secret, report, options.actor));
    this.forget(userId);
    return { secret: await this.view(userId, secret.id), report };
  }

  /**
   * Erases all versions.
   * @throws secret_not_found, secret_in_use (with the datasets whose only copies it reaches)
   */
  async delete(userId: string, provider: SecretProvider, options: { actor: string }): Promise<void> {
    const rows = await this.options.db.transaction(async (tx) => {
      await secretRepository.lock(tx, userId, provider);
      return this.eraseUnused(tx, userId, provider, options.actor);
    });
    this.forget(userId, idsOf(rows));
  }

  /**
   * Erases superseded versions that nothing refers to any more, of all users. Returns how many.
   * @param graceMs since they were superseded: a request that began with them may still be running
   */
  async retireUnused(graceMs: number): Promise<number> {
    const { db, usage, now } = this.options;
    return db.transaction(async (tx) => {
      const rows = await tx
        .select({ id: secrets.id, userId: secrets.userId })
        .from(secrets)
        .where(and(eq(secrets.state, 'superseded'), lte(secrets.updatedAt, new Date(now().getTime() - graceMs))))
        .for('update', { skipLocked: true });
      const referenced = await usage.referenced(tx, idsOf(rows));
      const unused = rows.filter((row) => !referenced.has(row.id));
      for (const { userId, id } of unused) await secretRepository.erase(tx, userId, [id], now());
      return unused.length;
    });
  }

  private async contentOf<P extends SecretProvider>(
    userId: string,
    provider: P,
    body: unknown,
    { keepKeys = false }: InputOptions,
  ): Promise<SecretContents[P]> {
    const kept = keepKeys ? await this.newestSecret(userId, provider) : undefined;
    const input = kept === undefined ? body : withKeysOf(kept, body);
    return parseSecretInput(provider, input, { externalId: this.options.externalIdOf(userId) });
  }

  private async store(
    tx: Transaction,
    given: { userId: string; provider: SecretProvider; content: SecretContent; report: DoctorReport },
    { actor }: ChangeOptions,
  ): Promise<string> {
    const { userId, provider, content, report } = given;
    const { box, newId, now } = this.options;
    await secretRepository.lock(tx, userId, provider);
    const before = await secretRepository.heads(tx, userId, provider);
    const version = (before[0]?.version ?? 0) + 1;
    const row = {
      id: newId(),
      userId,
      provider,
      version,
      state: stateAfter(report),
      envelope: box.seal({ userId, provider, version }, content),
      lastFour: lastFour(content.api_key),
      publicMetadata: publicMetadata(provider, content),
      report,
      now: now(),
    };
    await secretRepository.erase(tx, userId, idsOf(before.filter(isWaiting)), now());
    if (row.state === 'active') await this.supersede(tx, userId, before);
    await secretRepository.insert(tx, row);
    if (row.state === 'active') await this.repoint(tx, userId, row);
    await this.audit(
      tx,
      { userId, actor, action: 'secret.stored', subject: row.id },
      { provider, version, state: row.state },
    );
    return row.id;
  }

  private async settleTest(tx: Transaction, tested: Secret, report: DoctorReport, actor: string): Promise<void> {
    const { user_id: userId, provider, id, version } = tested;
    const now = this.options.now();
    await secretRepository.lock(tx, userId, provider);
    const rows = await secretRepository.heads(tx, userId, provider);
    const row = rows.find((candidate) => candidate.id === id);
    if (row === undefined || row.state === 'deleted') throw notFound(provider);
    await secretRepository.noteReport(tx, userId, id, report, now);
    if (!isWaiting(row)) return;
    const passed = report.status === 'ok';
    if (passed) await this.supersede(tx, userId, rows);
    await secretRepository.setState(tx, userId, id, stateAfter(report), now);
    if (passed) await this.repoint(tx, userId, row);
    await this.audit(
      tx,
      { userId, actor, action: 'secret.tested', subject: id },
      { provider, version, status: report.status },
    );
  }

  private async supersede(tx: Transaction, userId: string, rows: readonly SecretHead[]): Promise<void> {
    for (const row of rows.filter(({ state }) => state === 'active')) {
      await secretRepository.setState(tx, userId, row.id, 'superseded', this.options.now());
    }
  }

  /** New keys to the same bucket take over its copies: the old keys may be switched off at the store right after. */
  private async repoint(
    tx: Transaction,
    userId: string,
    row: Pick<SecretHead, 'id' | 'publicMetadata'>,
  ): Promise<void> {
    const { aws } = row.publicMetadata;
    if (aws === undefined) return;
    const { endpoint, s3_bucket: bucket, region } = aws;
    await this.options.usage.repoint(tx, userId, { secretId: row.id, endpoint, bucket, region });
  }

  private async eraseUnused(tx: Transaction, userId: string, provider: SecretProvider, actor: string) {
    const rows = (await secretRepository.heads(tx, userId, provider)).filter(({ state }) => state !== 'deleted');
    if (rows.length === 0) throw notFound(provider);
    await this.options.usage.hold(tx, userId, idsOf(rows));
    const usage = await this.options.usage.usageOf(tx, userId, idsOf(rows));
    if (usage.sole_copy_count > 0) throw inUse(usage);
    await secretRepository.erase(tx, userId, idsOf(rows), this.options.now());
    const details = { provider, versions: rows.map(({ version }) => version), replicas: usage.replica_count };
    await this.audit(tx, { userId, actor, action: 'secret.deleted' }, details);
    return rows;
  }

  private async newestSecret(userId: string, provider: SecretProvider): Promise<Secret> {
    const { db, box } = this.options;
    const rows = await this.kept(userId, provider);
    const chosen = rows.find(isWaiting) ?? rows.find(({ state }) => state === 'active');
    const row = chosen === undefined ? undefined : await secretRepository.findById(db, userId, chosen.id);
    const secret = row === undefined ? undefined : box.open(row as SecretRow);
    if (secret === undefined) throw notFound(provider);
    return secret;
  }

  private async kept(userId: string, provider: SecretProvider): Promise<SecretHead[]> {
    const rows = await secretRepository.heads(this.options.db, userId, provider);
    return rows.filter(({ state }) => state !== 'deleted');
  }

  private async view(userId: string, id: string): Promise<SecretView> {
    const row = await secretRepository.findById(this.options.db, userId, id);
    if (row === undefined) throw new LongshoreError('secret_not_found', 'The secret was deleted meanwhile.');
    return viewOf(row);
  }

  private async audit(
    tx: Transaction,
    entry: { userId: string; actor: string; action: string; subject?: string },
    details: Record<string, unknown>,
  ): Promise<void> {
    await this.options.audit.write({ ...entry, details }, tx);
  }

  private forget(userId: string, secretIds: readonly string[] = []): void {
    this.options.cache.forget(userId);
    for (const id of secretIds) this.options.sessions.forget(id);
  }
}

const idsOf = (rows: readonly { id: string }[]): string[] => rows.map(({ id }) => id);

const isWaiting = ({ state }: SecretHead): boolean => state === 'failed' || state === 'untested';

function stateAfter({ status }: DoctorReport): SecretState {
  if (status === 'ok') return 'active';
  return status === 'failed' ? 'failed' : 'untested';
}

function testFailed(report: DoctorReport): LongshoreError {
  return new LongshoreError('secret_test_failed', report.summary, {
    hint: 'Mend what failed and send it again. Nothing was stored. To keep it all the same, marked and unused: store_failing=true.',
    details: { report },
  });
}

function notFound(provider: SecretProvider): LongshoreError {
  return new LongshoreError('secret_not_found', `There is no ${provider} secret.`, {
    hint: `Store one with PUT /api/secrets/${provider}.`,
  });
}

function inUse(usage: SecretUsageView): LongshoreError {
  const { sole_copy_count: count } = usage;
  const what = count === 1 ? 'One dataset has its' : `${count} datasets have their`;
  return new LongshoreError('secret_in_use', `${what} only copy in the bucket that this secret opens.`, {
    hint: 'Delete those datasets, or let them be copied elsewhere first (step back to hybrid_read and wait for the copies).',
    details: { datasets: usage.sole_copies, dataset_count: count },
  });
}
