/** Standard uploads, downloads, info, remove, copy and move. */
import { randomUUID } from 'node:crypto';
import { contentRange, isMultiRange, parseRange } from '@/sandbox/byte-range.ts';
import { hasFalseSuccess, type Reply } from '@/sandbox/exchange.ts';
import { infoOf, isAllowedMimeType, type ObjectRow, publicRow } from './object-rows.ts';
import { jsonReply, refusals } from './storage-api-error.ts';
import type { SupabaseCall, SupabaseEnvironment } from './supabase-call.ts';
import { receiveUpload } from './upload-body.ts';

/** POST. Looks whether the key is free before it reads the body, and not again: two at once both succeed. */
export async function uploadObject(call: SupabaseCall): Promise<Reply> {
  return await storeUpload(call, call.isUpsert);
}

/** PUT. Also creates. */
export async function updateObject(call: SupabaseCall): Promise<Reply> {
  return await storeUpload(call, true);
}

async function storeUpload(call: SupabaseCall, overwrite: boolean): Promise<Reply> {
  assertMayUpload(call, overwrite);
  const { store } = call;
  const received = await receiveUpload(call.exchange, store.files);
  const bucket = call.bucket();
  if (!isAllowedMimeType(received.mimeType, bucket.allowed_mime_types)) {
    await store.files.remove([received.segment]);
    throw refusals.mimeType(received.mimeType);
  }
  const key = `${bucket.id}/${call.key}`;
  if (hasFalseSuccess(call.exchange)) {
    await store.files.remove([received.segment]);
    return jsonReply({ Key: key, Id: randomUUID() });
  }
  const { mimeType, cacheControl, userMetadata, segment } = received;
  const etag = `"${received.md5}"`;
  const facts = { mimeType, cacheControl, userMetadata, etag, segments: [segment], sizeBytes: segment.sizeBytes };
  const row = await store.put({ ...facts, ...identityOf(call, call.key) });
  return jsonReply({ Key: key, Id: row.id });
}

function identityOf(call: SupabaseCall, name: string, bucketId: string = call.bucketId) {
  return { bucketId, name, version: randomUUID(), updatedAt: call.nowIso() };
}

function assertMayUpload(call: SupabaseCall, overwrite: boolean): void {
  const { caller, bucketId } = call;
  const key = call.validKey(call.key);
  if (!caller.bypassesPolicies) throw refusals.rowLevelSecurity();
  const bucket = call.bucket(bucketId);
  if (!overwrite && call.store.object(bucketId, key) !== undefined) throw refusals.keyExists();
  const limit = Math.min(bucket.file_size_limit ?? Number.POSITIVE_INFINITY, call.environment.fileSizeLimit);
  if (Number(call.exchange.headers['content-length'] ?? 0) > limit) throw refusals.tooLarge();
}

/** A token that cannot be trusted sees no bucket at all here, instead of being told so. */
export async function downloadObject(call: SupabaseCall): Promise<Reply> {
  try {
    void call.caller;
  } catch {
    throw refusals.noBucket();
  }
  return objectReply(call, call.object());
}

export async function downloadAuthenticated(call: SupabaseCall): Promise<Reply> {
  return objectReply(call, call.object());
}

export async function downloadPublic(call: SupabaseCall): Promise<Reply> {
  const bucket = call.store.bucket(call.bucketId);
  if (bucket?.public !== true) throw refusals.noBucket();
  const row = call.store.object(call.bucketId, call.key);
  if (row === undefined) throw refusals.noKey();
  return objectReply(call, row);
}

/** If-Match and If-Range are ignored. `?download=name` adds a content-disposition. */
export function objectReply(call: SupabaseCall, row: ObjectRow): Reply {
  const rangeHeader = call.exchange.headers.range;
  const range = parseRange(rangeHeader, row.sizeBytes);
  if (range === 'unsatisfiable' || isMultiRange(rangeHeader)) throw unsatisfiable(call.environment);
  const { start, end } = range ?? { start: 0, end: row.sizeBytes };
  const headers: Record<string, string> = {
    'accept-ranges': 'bytes',
    'content-type': row.mimeType,
    'cache-control': row.cacheControl,
    etag: row.etag,
    'last-modified': new Date(row.updatedAt).toUTCString(),
    'content-length': String(end - start),
    ...disposition(call.exchange.query.get('download'), row),
  };
  if (range !== undefined) headers['content-range'] = contentRange(range, row.sizeBytes);
  const body = call.store.files.read(row.segments, start, end);
  return { status: range === undefined ? 200 : 206, headers, body };
}

function unsatisfiable({ backend }: SupabaseEnvironment): Error {
  return backend === 's3' ? refusals.internal('The requested range is not satisfiable') : refusals.invalidRange();
}

function disposition(download: string | null, row: ObjectRow): Record<string, string> {
  if (download === null) return {};
  const name = encodeURIComponent(download === '' ? (row.name.split('/').at(-1) ?? '') : download);
  return { 'content-disposition': `attachment; filename=${name}; filename*=UTF-8''${name};` };
}

export async function objectInfo(call: SupabaseCall): Promise<Reply> {
  return jsonReply(infoOf(call.object()));
}

/** The rows that were really deleted; what is missing or hidden is silently left out. */
export async function removeObjects(call: SupabaseCall): Promise<Reply> {
  const { prefixes } = await call.json();
  if (!Array.isArray(prefixes)) throw refusals.invalidRequest("body must have required property 'prefixes'");
  const { bypassesPolicies } = call.caller;
  call.bucket();
  const names = bypassesPolicies ? prefixes.map(String) : [];
  const rows = names.flatMap((name) => call.store.object(call.bucketId, name) ?? []);
  if (!hasFalseSuccess(call.exchange)) for (const row of rows) await call.store.remove(row);
  return jsonReply(rows.map((row) => ({ ...publicRow(row), bucket_id: row.bucketId, version: row.version })));
}

export async function removeObject(call: SupabaseCall): Promise<Reply> {
  const row = call.object();
  if (!hasFalseSuccess(call.exchange)) await call.store.remove(row);
  return jsonReply({ message: 'Successfully deleted' });
}

interface Transfer {
  source: ObjectRow;
  bucketId: string;
  key: string;
}

async function transferOf(call: SupabaseCall): Promise<Transfer> {
  const body = await call.json();
  const source = call.object(String(body.bucketId), String(body.sourceKey));
  const bucketId = call.bucket(String(body.destinationBucket ?? body.bucketId)).id;
  const key = call.validKey(String(body.destinationKey));
  if (!call.isUpsert && call.store.object(bucketId, key) !== undefined) throw refusals.keyExists();
  return { source, bucketId, key };
}

export async function copyObject(call: SupabaseCall): Promise<Reply> {
  const { source, bucketId, key } = await transferOf(call);
  const segments = await call.store.files.link(source.segments);
  const row = await call.store.put({ ...source, ...identityOf(call, key, bucketId), segments });
  return jsonReply({ Id: row.id, Key: `${bucketId}/${key}`, ...publicRow(row), bucket_id: bucketId });
}

export async function moveObject(call: SupabaseCall): Promise<Reply> {
  const { source, bucketId, key } = await transferOf(call);
  await call.store.remove(source, { keepData: true });
  const row = await call.store.put({ ...source, ...identityOf(call, key, bucketId) });
  return jsonReply({ message: 'Successfully moved', Id: row.id, Key: `${bucketId}/${key}` });
}
