import { type AwsCredentials, type AwsReply, type AwsRequester, xmlText } from '@/lib/secrets/aws/aws-request.ts';
import { StorageError, type StorageErrorCode } from '@/lib/storage/storage-error.ts';

/** The two STS calls that Longshore makes. Both need no permission of the caller but the role's own trust. */
export interface CallerIdentity {
  account: string;
  arn: string;
}

export interface StsPlace {
  region: string;
  /** The store's own endpoint, where it speaks STS too (MinIO, Ceph). Undefined: AWS. */
  endpoint?: string;
}

export interface AssumeRoleRequest {
  roleArn: string;
  externalId: string;
  sessionName: string;
  durationSeconds: number;
  /** A session policy: JSON that limits the session further. */
  policy?: string;
}

/** An answer that was no success. `code` is the service's own; its message stays inside. */
export class StsError extends StorageError {
  readonly awsCode: string;
  readonly status: number;
  /** The role's own maximum is below the duration that was asked for. */
  readonly durationRefused: boolean;

  constructor(action: string, reply: AwsReply) {
    const awsCode = reply.errorCode ?? `HTTP ${reply.status}`;
    super(codeOf(reply), { provider: 's3', operation: 'probe', detail: `sts:${action} answered ${awsCode}` });
    this.name = 'StsError';
    this.awsCode = awsCode;
    this.status = reply.status;
    this.durationRefused =
      awsCode === 'ValidationError' && /MaxSessionDuration|DurationSeconds/i.test(reply.errorMessage ?? '');
  }
}

const CODES: Readonly<Record<string, StorageErrorCode>> = {
  AccessDenied: 'forbidden',
  AccessDeniedException: 'forbidden',
  InvalidClientTokenId: 'unauthorized',
  InvalidAccessKeyId: 'unauthorized',
  UnrecognizedClientException: 'unauthorized',
  SignatureDoesNotMatch: 'unauthorized',
  ExpiredToken: 'unauthorized',
  ExpiredTokenException: 'unauthorized',
  RequestExpired: 'clock_skew',
  RequestTimeTooSkewed: 'clock_skew',
  Throttling: 'rate_limited',
  RegionDisabledException: 'wrong_region',
};

function codeOf({ errorCode, errorMessage, status }: AwsReply): StorageErrorCode {
  // STS tells a wrong clock as a wrong signature, and only its words differ.
  if (errorCode === 'SignatureDoesNotMatch' && /expired|not yet current/i.test(errorMessage ?? '')) return 'clock_skew';
  const known = errorCode === undefined ? undefined : CODES[errorCode];
  if (known !== undefined) return known;
  if (status === 429) return 'rate_limited';
  return status >= 500 ? 'unavailable' : 'invalid_request';
}

export class StsClient {
  private readonly requester: AwsRequester;

  constructor(requester: AwsRequester) {
    this.requester = requester;
  }

  /** Who these credentials are. Works without any permission. Throws StsError, StorageError. */
  async callerIdentity(credentials: AwsCredentials, place: StsPlace, signal?: AbortSignal): Promise<CallerIdentity> {
    const text = await this.call(credentials, place, { Action: 'GetCallerIdentity' }, signal);
    return { account: required(text, 'Account'), arn: required(text, 'Arn') };
  }

  /** Throws StsError: `forbidden` when the role does not trust us, or not with this external id. */
  async assumeRole(
    credentials: AwsCredentials,
    place: StsPlace,
    request: AssumeRoleRequest,
    signal?: AbortSignal,
  ): Promise<AwsCredentials> {
    const parameters = {
      Action: 'AssumeRole',
      RoleArn: request.roleArn,
      ExternalId: request.externalId,
      RoleSessionName: request.sessionName,
      DurationSeconds: String(request.durationSeconds),
      ...(request.policy === undefined ? {} : { Policy: request.policy }),
    };
    const text = await this.call(credentials, place, parameters, signal);
    return {
      accessKeyId: required(text, 'AccessKeyId'),
      secretAccessKey: required(text, 'SecretAccessKey'),
      sessionToken: required(text, 'SessionToken'),
      expiresAt: new Date(required(text, 'Expiration')),
    };
  }

  private async call(
    credentials: AwsCredentials,
    place: StsPlace,
    parameters: Record<string, string>,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    const reply = await withTimeLimit(signal, (limited) =>
      this.requester.request(credentials, {
        service: 'sts',
        region: place.region,
        method: 'POST',
        url: stsUrl(place),
        headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
        body: Buffer.from(new URLSearchParams({ ...parameters, Version: '2011-06-15' }).toString(), 'utf8'),
        signal: limited,
      }),
    );
    if (!reply.ok) throw new StsError(parameters.Action ?? '', reply);
    return reply.body.toString('utf8');
  }
}

const TIME_LIMIT_MS = 10_000;

/** Nobody who needs credentials waits for ever. */
async function withTimeLimit<T>(
  signal: AbortSignal | undefined,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = AbortSignal.timeout(TIME_LIMIT_MS);
  try {
    return await call(signal === undefined ? limit : AbortSignal.any([signal, limit]));
  } catch (error) {
    if (!limit.aborted || signal?.aborted === true) throw error;
    throw new StorageError('timeout', {
      provider: 's3',
      operation: 'probe',
      detail: 'STS did not answer',
      cause: error,
    });
  }
}

export function stsUrl({ endpoint, region }: StsPlace): URL {
  if (endpoint !== undefined) return new URL(`${endpoint.replace(/\/+$/, '')}/`);
  const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  return new URL(`https://sts.${region}.${domain}/`);
}

function required(text: string, element: string): string {
  const value = xmlText(text, element);
  if (value !== undefined && value !== '') return value;
  throw new StorageError('invalid_request', {
    provider: 's3',
    operation: 'probe',
    detail: `the endpoint does not speak STS: its answer has no ${element}`,
  });
}
