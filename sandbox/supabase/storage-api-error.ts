import type { Reply } from '@/sandbox/exchange.ts';

interface ErrorFacts {
  /** The status in the body. The one of the response is 400 for nearly all. */
  statusCode: number;
  code: string;
  /** Default: the code. */
  error?: string;
}

/** A refusal by Supabase Storage. Names and sentences as its public source has them in 2025. */
export class StorageApiError extends Error {
  readonly statusCode: number;
  readonly code: string;
  readonly error: string;

  constructor(message: string, facts: ErrorFacts) {
    super(message);
    this.name = 'StorageApiError';
    this.statusCode = facts.statusCode;
    this.code = facts.code;
    this.error = facts.error ?? facts.code;
  }
}

export const refusals = {
  noBucket: () =>
    new StorageApiError('Bucket not found', { statusCode: 404, code: 'NoSuchBucket', error: 'Bucket not found' }),
  noKey: () => new StorageApiError('Object not found', { statusCode: 404, code: 'NoSuchKey', error: 'not_found' }),
  keyExists: () =>
    new StorageApiError('The resource already exists', {
      statusCode: 409,
      code: 'KeyAlreadyExists',
      error: 'Duplicate',
    }),
  bucketExists: () =>
    new StorageApiError('The resource already exists', {
      statusCode: 409,
      code: 'BucketAlreadyExists',
      error: 'Duplicate',
    }),
  bucketNotEmpty: () =>
    new StorageApiError('The bucket you tried to delete is not empty', { statusCode: 409, code: 'ResourceNotEmpty' }),
  invalidKey: (key: string) => new StorageApiError(`Invalid key: ${key}`, { statusCode: 400, code: 'InvalidKey' }),
  invalidBucketName: () =>
    new StorageApiError('Bucket name invalid', {
      statusCode: 400,
      code: 'InvalidBucketName',
      error: 'Invalid Input',
    }),
  tooLarge: () =>
    new StorageApiError('The object exceeded the maximum allowed size', {
      statusCode: 413,
      code: 'EntityTooLarge',
      error: 'Payload too large',
    }),
  mimeType: (type: string) =>
    new StorageApiError(`mime type ${type} is not supported`, {
      statusCode: 415,
      code: 'InvalidMimeType',
      error: 'invalid_mime_type',
    }),
  invalidRange: () =>
    new StorageApiError('invalid range provided', {
      statusCode: 416,
      code: 'InvalidRange',
      error: 'invalid_range',
    }),
  invalidRequest: (message: string) => new StorageApiError(message, { statusCode: 400, code: 'InvalidRequest' }),
  accessDenied: (message: string) =>
    new StorageApiError(message, { statusCode: 403, code: 'AccessDenied', error: 'Unauthorized' }),
  /** What Postgres says when no policy lets the row in. */
  rowLevelSecurity: () => refusals.accessDenied('new row violates row-level security policy'),
  invalidJwt: (message: string) => new StorageApiError(message, { statusCode: 400, code: 'InvalidJWT' }),
  invalidSignature: () => new StorageApiError('Invalid signature', { statusCode: 400, code: 'InvalidSignature' }),
  internal: (message: string) => new StorageApiError(message, { statusCode: 500, code: 'InternalError' }),
};

/** The status of the response hides most errors behind 400. */
export function httpStatusOf(error: StorageApiError): number {
  if (error.code === 'DatabaseConnectionLimit') return 429;
  return [416, 500, 544].includes(error.statusCode) ? error.statusCode : 400;
}

export function errorReply(error: StorageApiError, status: number = httpStatusOf(error)): Reply {
  const { statusCode, error: name, message, code } = error;
  return jsonReply({ statusCode: String(statusCode), error: name, message, code }, status);
}

export function jsonReply(body: unknown, status = 200): Reply {
  return { status, headers: { 'content-type': 'application/json; charset=utf-8' }, body: JSON.stringify(body) };
}
