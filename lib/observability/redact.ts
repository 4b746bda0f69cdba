/**
 * Keeps secrets out of logs whatever object or sentence they arrive in: by the name of the field, and by the shape of
 * the text. Both are needed: an SDK's error puts a signed URL into its message.
 */
const SECRET_NAME =
  /authorization|cookie|password|passwd|secret|token|credential|signature|private_?key|api_?key|access_?key|session|encryption_?key|database_?url|^(key|jwt)$/i;

/** Names that match SECRET_NAME and are harmless. */
const HARMLESS_NAME =
  /(_|^)(key_?id|object_?key|dedupe_?key|secret_?id|last_four|token_?count)$|^(objectKey|keyId|secretId)$/i;

export const REDACTED = '[redacted]';

const TEXT_RULES: readonly (readonly [RegExp, string])[] = [
  // Query strings carry signatures and one-time tokens; user:password@ precedes the host.
  [/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@"'<>]*@/gi, `$1${REDACTED}@`],
  [/\b(https?:\/\/[^\s?"'<>]+)\?[^\s"'<>]*/gi, `$1?${REDACTED}`],
  [/(\/(?:signin|files\/)[^\s?"'<>]*)\?[^\s"'<>]*/gi, `$1?${REDACTED}`],
  [/\b(X-Amz-(?:Signature|Credential|Security-Token)=)[^&\s"']*/gi, `$1${REDACTED}`],
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${REDACTED}`],
  [/\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)?/g, REDACTED],
  [/\bls[a-z]?_[A-Za-z0-9_.-]{16,}/g, REDACTED],
  [/\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}\b/g, REDACTED],
  [/\b(?:hf|rpa|sk|sbp|secret|sb_secret|whsec)_[A-Za-z0-9_-]{16,}/g, REDACTED],
  [/((?:secret|password|token|api_?key|access_?key)["']?\s*[:=]\s*["']?)[^\s"',;&}]{6,}/gi, `$1${REDACTED}`],
];

/** `text` without anything that looks like a credential, a token or a signed URL. */
export function redactText(text: string): string {
  return TEXT_RULES.reduce((result, [pattern, replacement]) => result.replace(pattern, replacement), text);
}

const MAX_DEPTH = 6;
const MAX_ITEMS = 100;

/** A copy of `value` that is safe to log: bounded in depth and width, secrets replaced, errors as plain objects. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (value === null || typeof value !== 'object') return typeof value === 'function' ? undefined : value;
  if (value instanceof Date) return value;
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (depth >= MAX_DEPTH) return '[deeper]';
  if (value instanceof Error) return redactError(value, depth);
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => redact(item, depth + 1));
  return redactFields(Object.entries(value), depth);
}

function redactFields(entries: [string, unknown][], depth: number): Record<string, unknown> {
  const safe = entries.slice(0, MAX_ITEMS).map(([name, item]) => {
    const secret = SECRET_NAME.test(name) && !HARMLESS_NAME.test(name) && item !== undefined && item !== null;
    return [name, secret ? REDACTED : redact(item, depth + 1)];
  });
  return Object.fromEntries(safe);
}

function redactError(error: Error, depth: number): Record<string, unknown> {
  const own = redactFields(Object.entries(error), depth);
  return {
    ...own,
    name: error.name,
    message: redactText(error.message),
    stack: error.stack === undefined ? undefined : redactText(error.stack),
    ...(error.cause === undefined ? {} : { cause: redact(error.cause, depth + 1) }),
  };
}
