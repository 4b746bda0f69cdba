/** The two shapes of a standard upload: the bare bytes, or a form whose first file is the object (what Blobs become). */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Busboy } from '@fastify/busboy';
import type { DataFiles, Segment } from '@/sandbox/data-files.ts';
import type { Exchange } from '@/sandbox/exchange.ts';
import { refusals } from './storage-api-error.ts';

export interface ReceivedUpload {
  segment: Segment;
  md5: string;
  mimeType: string;
  cacheControl: string;
  userMetadata: Record<string, unknown> | null;
}

export async function receiveUpload(exchange: Exchange, files: DataFiles): Promise<ReceivedUpload> {
  const type = exchange.headers['content-type'] ?? 'application/octet-stream';
  return type.startsWith('multipart/form-data')
    ? await receiveForm(exchange, files)
    : await receiveBare(exchange, files);
}

async function receiveBare(exchange: Exchange, files: DataFiles): Promise<ReceivedUpload> {
  const { headers } = exchange;
  const metadata = headers['x-metadata'];
  return {
    ...(await receiveBytes(exchange.body, files)),
    mimeType: headers['content-type'] ?? 'application/octet-stream',
    cacheControl: headers['cache-control'] ?? 'no-cache',
    userMetadata: typeof metadata === 'string' ? parseMetadata(Buffer.from(metadata, 'base64').toString()) : null,
  };
}

async function receiveBytes(body: AsyncIterable<Buffer>, files: DataFiles): Promise<{ segment: Segment; md5: string }> {
  const hash = createHash('md5');
  const segment = await files.write(hashed(body, hash));
  return { segment, md5: hash.digest('hex') };
}

async function* hashed(body: AsyncIterable<Buffer>, hash: { update(chunk: Buffer): unknown }): AsyncIterable<Buffer> {
  for await (const chunk of body) {
    hash.update(chunk);
    yield chunk;
  }
}

/** Malformed JSON counts as none. */
export function parseMetadata(text: string | undefined | null): Record<string, unknown> | null {
  if (text === undefined || text === null) return null;
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' ? (parsed as Record<string, unknown> | null) : null;
  } catch {
    return null;
  }
}

async function receiveForm(exchange: Exchange, files: DataFiles): Promise<ReceivedUpload> {
  const form = new Busboy({ headers: { ...exchange.headers, 'content-type': exchange.headers['content-type'] ?? '' } });
  const fields = new Map<string, string>();
  let file: Promise<{ segment: Segment; md5: string; mimeType: string }> | undefined;
  form.on('field', (name, value) => fields.set(name, value));
  form.on('file', (_name, stream, _filename, _encoding, mimeType) => {
    if (file === undefined) file = receiveBytes(stream, files).then((received) => ({ ...received, mimeType }));
    else stream.resume();
  });
  await pipeline(Readable.from(exchange.body), form);
  const received = await file;
  if (received === undefined) throw refusals.invalidRequest('No content provided');
  const cacheControl = fields.get('cacheControl');
  return {
    ...received,
    cacheControl: cacheControl === undefined ? 'no-cache' : `max-age=${cacheControl}`,
    userMetadata: parseMetadata(fields.get('metadata')),
  };
}
