import { type AwsReply, xmlText } from '@/lib/secrets/aws/aws-request.ts';
import { CheckFailure, type FailureDetails } from '@/lib/secrets/doctor/check-runner.ts';

/** What was tried, so that a refusal can be explained. */
export interface Attempt {
  /** The IAM action that the request needs. */
  action: string;
  /** On what, for the remedy: `arn:aws:s3:::bucket/user/*`. */
  resource: string;
  /** Overrides the check's own weight. */
  required?: boolean;
}

/** Throws CheckFailure unless the answer is a success. */
export function mustSucceed(reply: AwsReply, attempt: Attempt): AwsReply {
  if (reply.ok) return reply;
  throw new CheckFailure(diagnose(reply, attempt));
}

/**
 * Says what an answer of S3 or of a store like it means and what to do. Acts on codes; the store's words are read only
 * to find the exact action that IAM names, and are never repeated.
 */
export function diagnose(reply: AwsReply, attempt: Attempt): FailureDetails {
  const weight = attempt.required === undefined ? {} : { required: attempt.required };
  return { ...(known(reply, attempt) ?? unknownAnswer(reply)), ...weight };
}

function known(reply: AwsReply, attempt: Attempt): FailureDetails | undefined {
  const code = reply.errorCode ?? '';
  const fixed = FIXED[code];
  if (fixed !== undefined) return fixed;
  if (isDenied(reply)) return denied(reply, attempt);
  if (WRONG_REGION.has(code) || reply.status === 301 || reply.status === 307) return wrongRegion(regionInAnswer(reply));
  if (reply.status >= 500 && reply.status !== 501) {
    return {
      code: 'unavailable',
      message: `The store has a fault of its own (${label(reply)}).`,
      remedy: 'Test again later.',
    };
  }
  if (reply.status === 429)
    return { code: 'rate_limited', message: 'The store asks for fewer requests.', remedy: 'Test again later.' };
  return undefined;
}

const WRONG_KEY = 'Copy the secret access key again, whole. If it is lost, make a new access key in IAM.';
export const CLOCK_REMEDY = 'Set the clock of the machine that Longshore runs on (NTP), then test again.';

const FIXED: Readonly<Record<string, FailureDetails>> = {
  InvalidAccessKeyId: unknownKey(),
  InvalidClientTokenId: unknownKey(),
  SignatureDoesNotMatch: {
    code: 'wrong_secret_key',
    message: 'The secret access key does not belong to this access key id.',
    remedy: WRONG_KEY,
  },
  ExpiredToken: {
    code: 'expired_credentials',
    message: 'The credentials have expired.',
    remedy: 'Give keys of an IAM user, or a role that Longshore may assume.',
  },
  RequestTimeTooSkewed: { code: 'clock_skew', message: 'The store refuses our time.', remedy: CLOCK_REMEDY },
  NoSuchBucket: {
    code: 'bucket_not_found',
    message: 'The bucket does not exist.',
    remedy: 'Check its name, or let Longshore make it (create_bucket).',
  },
  SlowDown: { code: 'rate_limited', message: 'The store asks for fewer requests.', remedy: 'Test again later.' },
  AllAccessDisabled: accountProblem(),
  AccountProblem: accountProblem(),
  QuotaExceeded: quota(),
  XMinioStorageFull: quota(),
};

/** What a code means that is the same whatever was tried: wrong keys, no bucket, a wrong clock. */
export function failureOfCode(code: string): FailureDetails | undefined {
  return FIXED[code];
}

function unknownKey(): FailureDetails {
  return {
    code: 'unknown_access_key',
    message: 'The store does not know this access key id.',
    remedy: 'Check that it was copied whole, and that the key is active in IAM and belongs to this store.',
  };
}

function accountProblem(): FailureDetails {
  return {
    code: 'account_problem',
    message: 'The store has locked this account or bucket.',
    remedy: 'Look into the account’s billing page, or ask the store’s support.',
  };
}

function quota(): FailureDetails {
  return {
    code: 'quota_exceeded',
    message: 'The store has no room left for this account.',
    remedy: 'Raise its quota.',
  };
}

const DENIED = new Set(['AccessDenied', 'AccessDeniedException', 'AuthorizationError', 'UnauthorizedAccess']);

/** HEAD answers carry no code: there a bare 403 is a denial, since wrong keys were found out by earlier checks. */
export function isDenied(reply: AwsReply): boolean {
  return DENIED.has(reply.errorCode ?? '') || (reply.status === 403 && reply.errorCode === undefined);
}

function denied(reply: AwsReply, attempt: Attempt): FailureDetails {
  const words = reply.errorMessage ?? '';
  const named = /not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)/.exec(words)?.[1];
  const action = named ?? attempt.action;
  const message = `${action} is not allowed.`;
  if (/explicit deny/i.test(words)) {
    const remedy = `A policy denies ${action} expressly (IAM, bucket or organisation policy): remove that Deny for ${attempt.resource}.`;
    return { code: 'access_denied', message, action, remedy };
  }
  if (action.startsWith('kms:')) {
    const remedy = `The bucket is encrypted with a KMS key: allow ${action} on that key.`;
    return { code: 'access_denied', message, action, remedy };
  }
  return { code: 'access_denied', message, action, remedy: `Allow ${action} on ${attempt.resource}.` };
}

const WRONG_REGION = new Set([
  'PermanentRedirect',
  'TemporaryRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
]);

export function isWrongRegion(reply: AwsReply): boolean {
  return !reply.ok && (WRONG_REGION.has(reply.errorCode ?? '') || reply.status === 301 || reply.status === 307);
}

/** The region that the store says the bucket is in. */
export function regionInAnswer(reply: AwsReply): string | undefined {
  const header = reply.headers['x-amz-bucket-region'];
  const region = header ?? xmlText(reply.body.toString('utf8'), 'Region');
  return region !== undefined && /^[a-z0-9-]{1,40}$/.test(region) ? region : undefined;
}

export function wrongRegion(actual: string | undefined): FailureDetails {
  if (actual === undefined) {
    const remedy = 'Look up the bucket’s region in the S3 console and give it as region.';
    return { code: 'wrong_region', message: 'The bucket is in another region.', remedy };
  }
  const message = `The bucket is in ${actual}, not in the region given.`;
  return { code: 'wrong_region', message, remedy: `Give region ${actual}.` };
}

function unknownAnswer(reply: AwsReply): FailureDetails {
  return {
    code: 'unexpected_answer',
    message: `The store answered ${label(reply)}.`,
    remedy: 'Check that the endpoint is the S3 address of the store, then test again.',
  };
}

/** Status and code: nothing that a store could put a secret into. */
function label({ status, errorCode }: AwsReply): string {
  const safe = errorCode !== undefined && /^[A-Za-z.]{1,60}$/.test(errorCode) ? ` ${errorCode}` : '';
  return `HTTP ${status}${safe}`;
}
