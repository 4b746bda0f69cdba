/** The two calls of AWS STS (query API, version 2011-06-15) that storage needs: GetCallerIdentity and AssumeRole. */
import { randomUUID } from 'node:crypto';
import { type Exchange, type Reply, readAll } from '@/sandbox/exchange.ts';
import { authenticate } from './authenticate.ts';
import { denialMessage, type Identity, isAllowed, type SandboxRole } from './identities.ts';
import { parsePolicy } from './policy.ts';
import type { S3Environment } from './s3-call.ts';
import { S3Error } from './s3-error.ts';
import { sha256Hex } from './sigv4.ts';
import { document, element, text } from './xml.ts';

const NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/';
const MAX_BODY_BYTES = 128 * 1024;

type StsEnvironment = Pick<S3Environment, 'identities' | 'now'>;

class StsError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, status: number, message: string) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

export async function answerSts(exchange: Exchange, environment: StsEnvironment): Promise<Reply> {
  try {
    const body = (await readAll(exchange.body, MAX_BODY_BYTES)).toString();
    const identity = signer(exchange, body, environment);
    const form = new URLSearchParams(body);
    const action = form.get('Action');
    if (action === 'GetCallerIdentity') return callerIdentity(identity);
    if (action === 'AssumeRole') return assumeRole(identity, form, environment);
    throw new StsError('InvalidAction', 400, `Could not find operation ${action} for version ${form.get('Version')}`);
  } catch (error) {
    if (error instanceof StsError) return stsErrorReply(error);
    throw error;
  }
}

function signer(exchange: Exchange, body: string, { identities, now }: StsEnvironment): Identity {
  const headers = { ...exchange.headers, 'x-amz-content-sha256': sha256Hex(body) };
  const { method, path, rawQuery, query } = exchange;
  try {
    const request = { method, path, rawQuery, headers };
    return authenticate(request, query, { identities, now, service: 'sts' }).identity;
  } catch (error) {
    throw error instanceof S3Error ? asStsError(error) : error;
  }
}

/** The same refusals by the names that STS has for them. */
function asStsError(error: S3Error): StsError {
  switch (error.code) {
    case 'InvalidAccessKeyId':
    case 'InvalidToken':
      return new StsError('InvalidClientTokenId', 403, 'The security token included in the request is invalid.');
    case 'ExpiredToken':
      return new StsError('ExpiredToken', 403, 'The security token included in the request is expired');
    case 'RequestTimeTooSkewed':
      return new StsError(
        'SignatureDoesNotMatch',
        403,
        `Signature expired: ${error.fields.RequestTime} is now earlier or later than allowed`,
      );
    case 'AccessDenied':
      return new StsError('MissingAuthenticationToken', 403, 'Request is missing Authentication Token');
    default:
      return new StsError(
        error.code === 'SignatureDoesNotMatch' ? error.code : 'IncompleteSignature',
        403,
        error.message,
      );
  }
}

export function stsErrorReply(error: { code: string; status: number; message: string }): Reply {
  const type = error.status >= 500 ? 'Receiver' : 'Sender';
  const inner = element('Error', text('Type', type), text('Code', error.code), text('Message', error.message));
  const body = document('ErrorResponse', NAMESPACE, inner, text('RequestId', randomUUID()));
  return { status: error.status, headers: { 'content-type': 'text/xml' }, body };
}

function answer(action: string, ...result: string[]): Reply {
  const metadata = element('ResponseMetadata', text('RequestId', randomUUID()));
  const body = document(`${action}Response`, NAMESPACE, element(`${action}Result`, ...result), metadata);
  return { status: 200, headers: { 'content-type': 'text/xml' }, body };
}

function callerIdentity({ arn, userId, accountId }: Identity): Reply {
  return answer('GetCallerIdentity', text('Arn', arn), text('UserId', userId), text('Account', accountId));
}

function assumeRole(identity: Identity, form: URLSearchParams, environment: StsEnvironment): Reply {
  const arn = form.get('RoleArn') ?? '';
  const sessionName = form.get('RoleSessionName') ?? '';
  if (!/^[\w+=,.@-]{2,64}$/.test(sessionName)) throw invalid('roleSessionName', sessionName);
  const role = trustingRole(identity, arn, form.get('ExternalId') ?? undefined, environment);
  const expiresAt = environment.now() + durationSeconds(form, role) * 1000;
  const policyText = form.get('Policy');
  const policy = policyText === null ? undefined : parsePolicy(policyText);
  if (policyText !== null && policy === undefined) {
    throw new StsError('MalformedPolicyDocument', 400, 'The policy is not in the valid JSON format.');
  }
  const session = environment.identities.startSession(role, sessionName, { expiresAt, policy });
  return answer(
    'AssumeRole',
    credentials(session),
    assumedUser(session),
    text('PackedPolicySize', policyText === null ? undefined : 6),
  );
}

/** A role that does not exist and one that does not trust the caller look the same. */
function trustingRole(
  identity: Identity,
  arn: string,
  externalId: string | undefined,
  { identities }: StsEnvironment,
): SandboxRole {
  const question = { action: 'sts:AssumeRole', resource: arn };
  const role = identities.role(arn);
  const trusted = role !== undefined && (role.trusts === undefined || role.trusts.includes(identity.userName));
  const known = role?.externalId === undefined || role.externalId === externalId;
  if (role !== undefined && trusted && known && isAllowed(identity, question)) return role;
  throw new StsError('AccessDenied', 403, denialMessage(identity, question).replace(/ (because|with) .*$/, ''));
}

function durationSeconds(form: URLSearchParams, role: SandboxRole): number {
  const seconds = Number(form.get('DurationSeconds') ?? 3600);
  if (!Number.isInteger(seconds) || seconds < 900 || seconds > 43_200)
    throw invalid('durationSeconds', String(seconds));
  if (seconds <= (role.maxSessionSeconds ?? 3600)) return seconds;
  const message = 'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.';
  throw new StsError('ValidationError', 400, message);
}

function invalid(name: string, value: string): StsError {
  return new StsError(
    'ValidationError',
    400,
    `1 validation error detected: Value '${value}' at '${name}' is out of bounds`,
  );
}

function credentials(session: Identity): string {
  return element(
    'Credentials',
    text('AccessKeyId', session.accessKeyId),
    text('SecretAccessKey', session.secretAccessKey),
    text('SessionToken', session.sessionToken),
    text('Expiration', new Date(session.expiresAt ?? 0).toISOString().replace(/\.\d+/, '')),
  );
}

function assumedUser(session: Identity): string {
  return element('AssumedRoleUser', text('AssumedRoleId', session.userId), text('Arn', session.arn));
}
