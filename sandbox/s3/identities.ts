import { randomBytes } from 'node:crypto';
import { type AccessQuestion, allowing, denying, evaluate, type PolicyDocument } from './policy.ts';

export interface SandboxUser {
  name: string;
  accessKeyId: string;
  secretAccessKey: string;
  accountId?: string;
  /** IAM actions, wildcards allowed. Default `['*']`. */
  allow?: string[];
  /** Wins over `allow`. */
  deny?: string[];
}

export interface SandboxRole {
  name: string;
  accountId?: string;
  /** AssumeRole is refused without it, when set. */
  externalId?: string;
  /** User names that may assume it. Default: every user whose own permissions allow sts:AssumeRole. */
  trusts?: string[];
  /** Default `['*']`. */
  allow?: string[];
  maxSessionSeconds?: number;
}

/** Who a set of credentials stands for. */
export interface Identity {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string | undefined;
  /** Milliseconds since the epoch. */
  expiresAt: number | undefined;
  arn: string;
  userId: string;
  userName: string;
  accountId: string;
  /** Every one of them must allow: the identity's own and, in a session, the session policy. */
  policies: PolicyDocument[];
}

export const DEFAULT_ACCOUNT = '111122223333';

/** Users, roles and the sessions made from them. */
export class Identities {
  readonly #known = new Map<string, Identity>();
  readonly #roles = new Map<string, SandboxRole>();

  constructor(users: readonly SandboxUser[], roles: readonly SandboxRole[]) {
    for (const user of users) this.addUser(user);
    for (const role of roles) this.addRole(role);
  }

  addUser(user: SandboxUser): void {
    const accountId = user.accountId ?? DEFAULT_ACCOUNT;
    const statements = [allowing(user.allow ?? ['*']), ...(user.deny === undefined ? [] : [denying(user.deny)])];
    this.#known.set(user.accessKeyId, {
      accessKeyId: user.accessKeyId,
      secretAccessKey: user.secretAccessKey,
      sessionToken: undefined,
      expiresAt: undefined,
      arn: `arn:aws:iam::${accountId}:user/${user.name}`,
      userId: `AIDA${user.name.toUpperCase()}`,
      userName: user.name,
      accountId,
      policies: [{ Statement: statements }],
    });
  }

  addRole(role: SandboxRole): string {
    const arn = roleArn(role);
    this.#roles.set(arn, role);
    return arn;
  }

  role(arn: string): SandboxRole | undefined {
    return this.#roles.get(arn);
  }

  find(accessKeyId: string): Identity | undefined {
    return this.#known.get(accessKeyId);
  }

  /** As when a key is deleted or a session revoked. */
  revoke(accessKeyId: string): void {
    this.#known.delete(accessKeyId);
  }

  startSession(
    role: SandboxRole,
    sessionName: string,
    session: { expiresAt: number; policy?: PolicyDocument },
  ): Identity {
    const accountId = role.accountId ?? DEFAULT_ACCOUNT;
    const own: PolicyDocument = { Statement: allowing(role.allow ?? ['*']) };
    const identity: Identity = {
      accessKeyId: `ASIA${randomBytes(8).toString('hex').toUpperCase()}`,
      secretAccessKey: randomBytes(30).toString('base64'),
      sessionToken: randomBytes(96).toString('base64'),
      expiresAt: session.expiresAt,
      arn: `arn:aws:sts::${accountId}:assumed-role/${role.name}/${sessionName}`,
      userId: `AROA${role.name.toUpperCase()}:${sessionName}`,
      userName: role.name,
      accountId,
      policies: session.policy === undefined ? [own] : [own, session.policy],
    };
    this.#known.set(identity.accessKeyId, identity);
    return identity;
  }
}

export function roleArn(role: Pick<SandboxRole, 'name' | 'accountId'>): string {
  return `arn:aws:iam::${role.accountId ?? DEFAULT_ACCOUNT}:role/${role.name}`;
}

export function isAllowed(identity: Identity, question: AccessQuestion): boolean {
  return identity.policies.every((policy) => evaluate(policy, question) === 'allowed');
}

/** The words of IAM's own refusal, which name the action that is missing. */
export function denialMessage(identity: Identity, question: AccessQuestion): string {
  const explicit = identity.policies.some((policy) => evaluate(policy, question) === 'denied');
  const why = explicit
    ? 'with an explicit deny in an identity-based policy'
    : `because no ${identity.policies.length > 1 ? 'session' : 'identity-based'} policy allows the ${question.action} action`;
  return `User: ${identity.arn} is not authorized to perform: ${question.action} on resource: "${question.resource}" ${why}`;
}
