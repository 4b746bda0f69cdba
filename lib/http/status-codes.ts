import type { StorageErrorCode } from '@/lib/storage/storage-error.ts';

/**
 * The one place where HTTP statuses are chosen. A LongshoreError whose code is missing here answers 500 and hides its
 * message, so a new code that a client may see is added here with the error.
 */
export const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  // The request itself.
  invalid_request: 400,
  invalid_json: 400,
  invalid_cursor: 400,
  invalid_id: 400,
  malformed_request: 400,
  incomplete_body: 400,
  unauthenticated: 401,
  invalid_credentials: 401,
  token_expired: 401,
  forbidden: 403,
  admin_required: 403,
  foreign_origin: 403,
  link_spent: 403,
  signed_url_invalid: 403,
  signed_url_expired: 403,
  not_found: 404,
  route_not_found: 404,
  dataset_not_found: 404,
  user_not_found: 404,
  key_not_found: 404,
  object_not_found: 404,
  method_not_allowed: 405,
  idle_timeout: 408,
  conflict: 409,
  name_taken: 409,
  last_admin: 409,
  body_too_large: 413,
  upload_too_large: 413,
  unsupported_media_type: 415,
  invalid_file: 422,
  // Not now.
  rate_limited: 429,
  too_many_sign_ins: 429,
  busy: 503,
  shutting_down: 503,
  not_ready: 503,
  database_unavailable: 503,
  sign_in_unavailable: 503,
  disk_full: 507,
};

/** What a failing store means to somebody who asked us for something. */
export const STATUS_BY_STORAGE_CODE: Readonly<Record<StorageErrorCode, number>> = {
  not_found: 404,
  bucket_not_found: 502,
  already_exists: 409,
  unauthorized: 502,
  forbidden: 502,
  wrong_region: 502,
  clock_skew: 502,
  quota_exceeded: 507,
  too_large: 413,
  disk_full: 507,
  rate_limited: 503,
  unavailable: 503,
  timeout: 503,
  corrupt: 502,
  upload_expired: 409,
  invalid_request: 502,
  endpoint_refused: 502,
  aborted: 499,
};

export const TITLES: Readonly<Record<number, string>> = {
  400: 'The request is not valid',
  401: 'Sign in first',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Method not allowed',
  408: 'No bytes arrived in time',
  409: 'Conflict',
  413: 'Too large',
  415: 'Unsupported media type',
  422: 'The file was not accepted',
  429: 'Too many requests',
  499: 'The client went away',
  500: 'Internal error',
  502: 'A store refused',
  503: 'Not available now',
  507: 'No room',
};
