import type { Identities, Identity } from './identities.ts';
import { S3Error } from './s3-error.ts';
import {
  type ExpectedSignature,
  expectedSignature,
  parseTimestamp,
  readClaim,
  type SignableRequest,
  type SignatureClaim,
  sameSignature,
} from './sigv4.ts';

export interface Authentication {
  identity: Identity;
  claim: SignatureClaim;
  expected: ExpectedSignature;
}

export interface AuthenticationRules {
  identities: Identities;
  now: () => number;
  /** Of the credential's scope: s3, sts, sagemaker. */
  service: string;
}

const MAX_SKEW_MS = 15 * 60 * 1000;

/** Throws S3Error as AWS would. Anonymous requests are refused: nothing in the sandbox is public. */
export function authenticate(
  request: SignableRequest,
  query: URLSearchParams,
  rules: AuthenticationRules,
): Authentication {
  const claim = readClaim(request, query);
  if (claim === undefined) throw new S3Error('AccessDenied');
  const identity = rules.identities.find(claim.accessKeyId);
  if (identity === undefined) {
    throw new S3Error('InvalidAccessKeyId', { fields: { AWSAccessKeyId: claim.accessKeyId } });
  }
  checkTime(claim, rules.now());
  checkToken(claim, identity, rules.now());
  checkScope(claim, rules.service);
  checkSignedHeaders(request, claim);
  return { identity, claim, expected: checkSignature(request, claim, identity) };
}

function checkTime(claim: SignatureClaim, now: number): void {
  const signedAt = parseTimestamp(claim.timestamp);
  if (Number.isNaN(signedAt)) {
    throw new S3Error('AccessDenied', { message: 'AWS authentication requires a valid Date or x-amz-date header' });
  }
  if (claim.expiresInSeconds === undefined) checkSkew(claim, signedAt, now);
  else checkExpiry(claim.expiresInSeconds, signedAt, now);
}

function checkSkew(claim: SignatureClaim, signedAt: number, now: number): void {
  if (Math.abs(now - signedAt) <= MAX_SKEW_MS) return;
  throw new S3Error('RequestTimeTooSkewed', {
    fields: {
      RequestTime: claim.timestamp,
      ServerTime: new Date(now).toISOString().replace(/\.\d+/, ''),
      MaxAllowedSkewMilliseconds: MAX_SKEW_MS,
    },
  });
}

function checkExpiry(expiresInSeconds: number, signedAt: number, now: number): void {
  if (signedAt - now > MAX_SKEW_MS) throw new S3Error('AccessDenied', { message: 'Request is not yet valid' });
  const end = signedAt + expiresInSeconds * 1000;
  if (now <= end) return;
  throw new S3Error('AccessDenied', {
    message: 'Request has expired',
    fields: {
      'X-Amz-Expires': expiresInSeconds,
      Expires: new Date(end).toISOString().replace(/\.\d+/, ''),
      ServerTime: new Date(now).toISOString().replace(/\.\d+/, ''),
    },
  });
}

function checkToken(claim: SignatureClaim, identity: Identity, now: number): void {
  if (claim.sessionToken !== identity.sessionToken) {
    if (identity.sessionToken !== undefined && claim.sessionToken === undefined) throw unknownKey(claim);
    throw new S3Error('InvalidToken', { fields: { 'Token-0': claim.sessionToken } });
  }
  if (identity.expiresAt !== undefined && now >= identity.expiresAt) {
    throw new S3Error('ExpiredToken', { fields: { 'Token-0': claim.sessionToken } });
  }
}

/** A session's key id means nothing without its token. */
function unknownKey(claim: SignatureClaim): S3Error {
  return new S3Error('InvalidAccessKeyId', { fields: { AWSAccessKeyId: claim.accessKeyId } });
}

function checkScope(claim: SignatureClaim, service: string): void {
  const code = claim.kind === 'header' ? 'AuthorizationHeaderMalformed' : 'AuthorizationQueryParametersError';
  if (claim.service !== service) {
    throw new S3Error(code, { message: `Error parsing the credential; incorrect service "${claim.service}".` });
  }
  if (claim.timestamp.slice(0, 8) !== claim.date) {
    throw new S3Error(code, {
      message: `Invalid credential date "${claim.date}". This date is not the same as X-Amz-Date.`,
    });
  }
}

/** S3 insists that the host and every x-amz- header are covered by the signature. */
function checkSignedHeaders(request: SignableRequest, claim: SignatureClaim): void {
  const mustSign = Object.keys(request.headers).filter((name) => name.startsWith('x-amz-') || name === 'host');
  const unsigned = mustSign.filter((name) => !claim.signedHeaders.includes(name) && name !== 'x-amz-content-sha256');
  if (unsigned.length === 0) return;
  throw new S3Error('AccessDenied', {
    message: 'There were headers present in the request which were not signed',
    fields: { HeadersNotSigned: unsigned.join(', ') },
  });
}

function checkSignature(request: SignableRequest, claim: SignatureClaim, identity: Identity): ExpectedSignature {
  const expected = expectedSignature(request, claim, identity.secretAccessKey);
  if (sameSignature(expected.signature, claim.signature)) return expected;
  throw new S3Error('SignatureDoesNotMatch', {
    fields: {
      AWSAccessKeyId: claim.accessKeyId,
      StringToSign: expected.stringToSign,
      SignatureProvided: claim.signature,
      CanonicalRequest: expected.canonicalRequest,
    },
  });
}
