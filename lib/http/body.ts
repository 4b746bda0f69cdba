import { Readable } from 'node:stream';
import { LongshoreError } from '@/lib/errors.ts';
import { IncomingBody, incomingOf } from '@/lib/http/incoming-body.ts';

/** JSON bodies are small: names, credentials, options. Datasets never come this way. */
export const MAX_JSON_BYTES = 1024 * 1024;
const MAX_FORM_BYTES = 16 * 1024;

/**
 * Reads a JSON body of at most `maxBytes`.
 * @throws unsupported_media_type, body_too_large, invalid_json
 */
export async function readJson(request: Request, maxBytes = MAX_JSON_BYTES): Promise<unknown> {
  const type = request.headers.get('content-type') ?? '';
  if (!/^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(type)) {
    throw new LongshoreError('unsupported_media_type', 'This request needs a JSON body.', {
      hint: 'Send the header Content-Type: application/json.',
    });
  }
  const text = await readText(request, maxBytes);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new LongshoreError('invalid_json', 'The body is not valid JSON.', { hint: 'Send one JSON object.', cause });
  }
}

/** The fields of a small form (application/x-www-form-urlencoded), the last of each name. */
export async function readForm(request: Request): Promise<Record<string, string>> {
  return Object.fromEntries(new URLSearchParams(await readText(request, MAX_FORM_BYTES)));
}

async function readText(request: Request, maxBytes: number): Promise<string> {
  const declared = Number(request.headers.get('content-length') ?? 0);
  if (declared > maxBytes) throw tooLarge(maxBytes);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of requestBody(request)) {
    size += chunk.byteLength;
    if (size > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk);
  }
  return decodeUtf8(Buffer.concat(chunks));
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new LongshoreError('invalid_json', 'The body is not valid UTF-8.', { hint: 'Encode it as UTF-8.', cause });
  }
}

function tooLarge(maxBytes: number): LongshoreError {
  return new LongshoreError('body_too_large', `The body is larger than ${maxBytes} bytes.`, {
    hint: 'Send a smaller body.',
    details: { limit_bytes: maxBytes },
  });
}

/**
 * The request's bytes as they arrive, with backpressure to the client. Empty where there is no body. Errors with
 * `incomplete_body` when the client goes away. Read at most once; the caller destroys what it does not finish, and can
 * still answer then.
 */
export function requestBody(request: Request): Readable {
  const incoming = incomingOf(request);
  if (incoming !== undefined) return new IncomingBody(incoming);
  if (request.body === null) return Readable.from([]);
  return Readable.fromWeb(request.body as Parameters<typeof Readable.fromWeb>[0]);
}
