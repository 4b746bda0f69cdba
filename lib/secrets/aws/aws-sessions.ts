import { createHash } from 'node:crypto';
import { LongshoreError } from '@/lib/errors.ts';
import type { AwsCredentials } from '@/lib/secrets/aws/aws-request.ts';
import { type CallerIdentity, type StsClient, StsError, type StsPlace } from '@/lib/secrets/aws/sts.ts';
import { regionOf, type Secret, type SecretContents } from '@/lib/secrets/secrets.types.ts';

/** The identity of this installation at AWS, with which it assumes the roles of users. */
export interface PlatformIdentity {
  credentials(): Promise<AwsCredentials>;
  /** Where its STS is. Undefined endpoint: AWS. Set by the operator, never by a user. */
  sts: StsPlace;
}

export interface AwsSessionsOptions {
  sts: StsClient;
  now: () => Date;
  platform: PlatformIdentity | undefined;
}

type AwsContent = SecretContents['aws'];

/** Long enough for a URL of two hours; a role whose own maximum is shorter is asked for the least that every role gives. */
const WANTED_SECONDS = 4 * 3600;
const ALWAYS_ALLOWED_SECONDS = 3600;
const DEFAULT_VALID_SECONDS = 300;
/** A session younger than this is not replaced for the sake of a longer life: the role gives no longer one. */
const FRESH_MS = 600_000;
const MAX_SESSIONS = 500;

interface Session {
  credentials: Promise<AwsCredentials>;
  startedAt: number;
}

/**
 * Turns AWS secrets into credentials: static keys as they are, roles by AssumeRole with the user's external id. Sessions
 * are kept in memory until shortly before they expire, and their true expiry is told, because a presigned URL dies with
 * the session that signed it.
 *
 * A role in the installation's own account is refused: it might trust the installation for purposes of its own, and a
 * user could reach it by naming it. Where the own account cannot be found out, roles are refused too.
 */
export class AwsSessions {
  private readonly sts: StsClient;
  private readonly now: () => Date;
  private readonly platform: PlatformIdentity | undefined;
  private readonly sessions = new Map<string, Session>();
  private identity: Promise<CallerIdentity> | undefined;

  constructor({ sts, now, platform }: AwsSessionsOptions) {
    this.sts = sts;
    this.now = now;
    this.platform = platform;
  }

  /**
   * Credentials of a stored secret that stay valid for at least `validForSeconds` (default 300), or as long as the role
   * allows where that is less. Throws StorageError (`forbidden`, `unauthorized`, ...), LongshoreError `role_refused`.
   */
  async credentialsFor(secret: Secret<'aws'>, validForSeconds = DEFAULT_VALID_SECONDS): Promise<AwsCredentials> {
    if (secret.metadata.aws.role_arn === undefined) return this.open(secret, secret.user_id);
    const kept = this.sessions.get(secret.id);
    if (kept !== undefined && (await this.isUsable(kept, validForSeconds))) return kept.credentials;
    if (this.sessions.get(secret.id) !== kept) return this.credentialsFor(secret, validForSeconds);
    return this.start(secret);
  }

  /** Credentials of a secret that is not stored (yet). Nothing is kept. */
  async open(content: AwsContent, userId: string, signal?: AbortSignal): Promise<AwsCredentials> {
    const { role_arn, secret_access_key } = content.metadata.aws;
    await this.refuseOwnRoles(content);
    if (role_arn !== undefined) return this.assume(content, role_arn, userId, signal);
    if (content.api_key !== undefined && secret_access_key !== undefined) {
      return { accessKeyId: content.api_key, secretAccessKey: secret_access_key };
    }
    throw new LongshoreError('invalid_secret', 'The AWS secret has neither keys nor a role.');
  }

  /** Call when a secret is rotated or deleted. */
  forget(secretId: string): void {
    this.sessions.delete(secretId);
  }

  /** Who this installation is at AWS; undefined when it is nobody there. Asked once, and again only after a failure. */
  async platformIdentity(): Promise<CallerIdentity | undefined> {
    const { platform, sts } = this;
    if (platform === undefined) return undefined;
    this.identity ??= platform.credentials().then((keys) => sts.callerIdentity(keys, platform.sts));
    try {
      return await this.identity;
    } catch (error) {
      this.identity = undefined;
      throw error;
    }
  }

  private async isUsable(session: Session, validForSeconds: number): Promise<boolean> {
    const credentials = await session.credentials.catch(() => undefined);
    if (credentials === undefined) return false;
    const now = this.now().getTime();
    const remainingMs = (credentials.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY) - now;
    if (remainingMs >= validForSeconds * 1000) return true;
    return remainingMs > DEFAULT_VALID_SECONDS * 1000 && now - session.startedAt < FRESH_MS;
  }

  /** One AssumeRole for all who ask at the same time. A failed one is not kept. */
  private start(secret: Secret<'aws'>): Promise<AwsCredentials> {
    const session = { credentials: this.open(secret, secret.user_id), startedAt: this.now().getTime() };
    this.sessions.delete(secret.id);
    this.sessions.set(secret.id, session);
    const oldest = this.sessions.size > MAX_SESSIONS ? this.sessions.keys().next().value : undefined;
    if (oldest !== undefined) this.sessions.delete(oldest);
    session.credentials.catch(() => {
      if (this.sessions.get(secret.id) === session) this.sessions.delete(secret.id);
    });
    return session.credentials;
  }

  private async assume(content: AwsContent, roleArn: string, userId: string, signal: AbortSignal | undefined) {
    const { credentials, place } = await this.sourceOf(content);
    const ask = (durationSeconds: number) =>
      this.sts.assumeRole(
        credentials,
        place,
        { roleArn, externalId: content.metadata.aws.external_id, sessionName: sessionName(userId), durationSeconds },
        signal,
      );
    try {
      return await ask(WANTED_SECONDS);
    } catch (error) {
      if (!(error instanceof StsError && error.durationRefused)) throw error;
      return ask(ALWAYS_ALLOWED_SECONDS);
    }
  }

  /** Who assumes the role: the user's own keys where given, at the user's endpoint; else the installation, at its own. */
  private async sourceOf(content: AwsContent): Promise<{ credentials: AwsCredentials; place: StsPlace }> {
    const { aws } = content.metadata;
    if (content.api_key !== undefined && aws.secret_access_key !== undefined) {
      const credentials = { accessKeyId: content.api_key, secretAccessKey: aws.secret_access_key };
      return { credentials, place: { region: regionOf(aws), endpoint: aws.endpoint } };
    }
    if (this.platform === undefined) {
      throw roleRefused('This installation has no identity at AWS that could assume a role.', {
        hint: 'Give an access key id and secret access key, or ask the operator to set AWS_ACCESS_KEY_ID.',
      });
    }
    return { credentials: await this.platform.credentials(), place: this.platform.sts };
  }

  private async refuseOwnRoles(content: AwsContent): Promise<void> {
    const { role_arn, sagemaker_role_arn } = content.metadata.aws;
    const roles = [role_arn, sagemaker_role_arn].filter((arn) => arn !== undefined);
    if (roles.length === 0) return;
    const own = await this.platformIdentity();
    if (own === undefined || roles.every((arn) => accountOfArn(arn) !== own.account)) return;
    throw roleRefused('The role belongs to the AWS account of this installation.', {
      hint: 'Make the role in your own AWS account.',
    });
  }
}

function roleRefused(message: string, options: { hint: string }): LongshoreError {
  return new LongshoreError('role_refused', message, options);
}

export function accountOfArn(arn: string): string | undefined {
  return arn.split(':')[4];
}

/** What a trust policy names: of a session its role, since sessions come and go. */
export function principalOfArn(arn: string): string {
  const session = /^arn:([^:]+):sts::(\d{12}):assumed-role\/(.+)\/[^/]+$/.exec(arn);
  return session === null ? arn : `arn:${session[1]}:iam::${session[2]}:role/${session[3]}`;
}

/** Tells the account's owner in CloudTrail which user of Longshore it was, without the id itself. */
function sessionName(userId: string): string {
  return `longshore-${createHash('sha256').update(userId).digest('hex').slice(0, 16)}`;
}
