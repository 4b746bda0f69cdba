/** CreateMultipartUpload, UploadPart, ListParts, ListMultipartUploads, Abort and Complete. */
import { createHash } from 'node:crypto';
import { hasFalseSuccess, type Reply } from '@/sandbox/exchange.ts';
import {
  type ChecksumAlgorithm,
  checksumElement,
  compositeChecksum,
  parseAlgorithm,
  startDigest,
} from './checksums.ts';
import { attributesOf, checksumHeaders } from './object-attributes.ts';
import { assertKey, commit, etagFor, S3_NAMESPACE, writtenHeaders } from './object-handlers.ts';
import type { Checksums, ChecksumType, MultipartUpload, UploadedPart } from './object-model.ts';
import { writeConditions } from './preconditions.ts';
import type { S3Call } from './s3-call.ts';
import { S3Error } from './s3-error.ts';
import { childrenOf, childText, document, element, text, type XmlNode } from './xml.ts';

const XML = { 'content-type': 'application/xml' };

export async function createMultipartUpload(call: S3Call): Promise<Reply> {
  const { bucket } = call;
  assertKey(call.key);
  if (call.header('x-amz-tagging') !== undefined) call.allow('s3:PutObjectTagging');
  const ignored = call.quirks.checksums === 'ignored';
  const checksumAlgorithm = ignored ? undefined : parseAlgorithm(call.header('x-amz-checksum-algorithm'));
  const upload = bucket.uploads.create({
    key: call.key,
    initiated: call.environment.now(),
    initiatorArn: call.identity.arn,
    attributes: attributesOf(call),
    checksumAlgorithm,
    checksumType: checksumTypeOf(call, checksumAlgorithm),
  });
  const names = [text('Bucket', call.bucketName), text('Key', call.key), text('UploadId', upload.uploadId)];
  const headers = { ...XML, ...upload.attributes.encryption, ...algorithmHeaders(upload) };
  return { status: 200, headers, body: document('InitiateMultipartUploadResult', S3_NAMESPACE, ...names) };
}

function algorithmHeaders(upload: MultipartUpload): Record<string, string> {
  if (upload.checksumAlgorithm === undefined) return {};
  const algorithm = upload.checksumAlgorithm.toUpperCase();
  return { 'x-amz-checksum-algorithm': algorithm, 'x-amz-checksum-type': upload.checksumType };
}

/** SHA checksums of multipart objects are composite only, CRC64NVME is of the full object only. */
function checksumTypeOf(call: S3Call, algorithm: ChecksumAlgorithm | undefined): ChecksumType {
  const wish = call.header('x-amz-checksum-type');
  const type = wish ?? (algorithm === 'crc64nvme' ? 'FULL_OBJECT' : 'COMPOSITE');
  const impossible =
    (type === 'FULL_OBJECT' && (algorithm === 'sha1' || algorithm === 'sha256')) ||
    (type === 'COMPOSITE' && algorithm === 'crc64nvme');
  if (impossible || (type !== 'FULL_OBJECT' && type !== 'COMPOSITE')) {
    throw new S3Error('InvalidRequest', {
      message: `The ${type} checksum type cannot be used with the ${algorithm ?? 'absent'} checksum algorithm.`,
    });
  }
  return type;
}

export function openUpload(call: S3Call): MultipartUpload {
  const uploadId = call.param('uploadId') ?? '';
  const upload = call.bucket.uploads.get(call.key, uploadId);
  if (upload === undefined) throw new S3Error('NoSuchUpload', { fields: { UploadId: uploadId } });
  return upload;
}

export function partNumberOf(call: S3Call): number {
  const number = Number(call.param('partNumber') ?? '');
  if (Number.isInteger(number) && number >= 1 && number <= 10_000) return number;
  throw new S3Error('InvalidArgument', {
    message: 'Part number must be an integer between 1 and 10000, inclusive',
    fields: { ArgumentName: 'partNumber', ArgumentValue: call.param('partNumber') },
  });
}

export async function uploadPart(call: S3Call): Promise<Reply> {
  const [upload, number] = [openUpload(call), partNumberOf(call)];
  const { store } = call.environment;
  const { segment, md5, checksums } = await call.receive();
  const part = { number, segment, etag: etagFor(upload.attributes, md5), lastModified: call.now(), checksums };
  const wanted = upload.checksumAlgorithm;
  if (wanted !== undefined && checksums[wanted] === undefined) {
    await store.files.remove([segment]);
    throw checksumTypeMismatch(wanted, checksums);
  }
  await savePart(call, upload, part);
  const headers = { etag: `"${part.etag}"`, ...upload.attributes.encryption, ...partChecksums(part) };
  return { status: 200, headers };
}

function partChecksums(part: UploadedPart): Record<string, string> {
  const { 'x-amz-checksum-type': _whole, ...own } = checksumHeaders({ ...part, checksumType: 'FULL_OBJECT' });
  return own;
}

function checksumTypeMismatch(wanted: ChecksumAlgorithm, sent: Checksums): S3Error {
  const actual = Object.keys(sent)[0] ?? 'null';
  return new S3Error('InvalidRequest', {
    message: `Checksum Type mismatch occurred, expected checksum Type: ${wanted}, actual checksum Type: ${actual}`,
  });
}

export async function savePart(call: S3Call, upload: MultipartUpload, part: UploadedPart): Promise<void> {
  if (hasFalseSuccess(call.exchange)) return await call.environment.store.files.remove([part.segment]);
  const open = await call.bucket.uploads.addPart(upload, part);
  if (!open) throw new S3Error('NoSuchUpload', { fields: { UploadId: upload.uploadId } });
}

export async function abortMultipartUpload(call: S3Call): Promise<Reply> {
  await call.bucket.uploads.end(openUpload(call));
  return { status: 204 };
}

export async function listParts(call: S3Call): Promise<Reply> {
  const upload = openUpload(call);
  const marker = Number(call.param('part-number-marker') ?? 0);
  const limit = Math.min(Number(call.param('max-parts') ?? 1000), 1000);
  const after = [...upload.parts.values()].sort((a, b) => a.number - b.number).filter((part) => part.number > marker);
  const page = after.slice(0, limit);
  const body = document(
    'ListPartsResult',
    S3_NAMESPACE,
    text('Bucket', call.bucketName),
    text('Key', upload.key),
    text('UploadId', upload.uploadId),
    text('StorageClass', upload.attributes.storageClass),
    text('PartNumberMarker', marker),
    text('NextPartNumberMarker', after.length > page.length ? page.at(-1)?.number : undefined),
    text('MaxParts', limit),
    text('IsTruncated', after.length > page.length),
    text('ChecksumAlgorithm', upload.checksumAlgorithm?.toUpperCase()),
    text('ChecksumType', upload.checksumAlgorithm === undefined ? undefined : upload.checksumType),
    ...page.map((part) => partElement(part, call.quirks.partSizes)),
  );
  return { status: 200, headers: XML, body };
}

function partElement(part: UploadedPart, withSize: boolean): string {
  return element(
    'Part',
    text('PartNumber', part.number),
    text('LastModified', new Date(part.lastModified).toISOString()),
    text('ETag', `"${part.etag}"`),
    text('Size', withSize ? part.segment.sizeBytes : undefined),
    ...checksumElements(part.checksums),
  );
}

function checksumElements(checksums: Checksums): string[] {
  return Object.entries(checksums).map(([name, value]) => text(checksumElement(name as ChecksumAlgorithm), value));
}

export async function completeMultipartUpload(call: S3Call): Promise<Reply> {
  const { bucket } = call;
  const upload = openUpload(call);
  const check = writeConditions(call);
  const parts = namedParts(await call.xml(), upload);
  assertSizes(call, parts);
  const { checksums, etag } = {
    checksums: await wholeChecksums(call, upload, parts),
    etag: compositeEtag(upload, parts),
  };
  const draft = {
    ...upload.attributes,
    key: upload.key,
    versionId: bucket.newVersionId(),
    isDeleteMarker: false,
    sizeBytes: parts.reduce((sum, part) => sum + part.segment.sizeBytes, 0),
    etag,
    lastModified: call.now(),
    segments: parts.map((part) => part.segment),
    checksums,
    checksumType: upload.checksumType,
  };
  check(bucket.current(upload.key));
  const kept = new Set(parts.map((part) => part.number));
  if (!(await bucket.uploads.end(upload, kept))) throw new S3Error('NoSuchUpload');
  await commit(call, bucket, { draft, check });
  return { status: 200, headers: { ...XML, ...writtenHeaders(draft, bucket) }, body: completed(call, draft) };
}

function completed(
  call: S3Call,
  draft: { key: string; etag: string; checksums: Checksums; checksumType: ChecksumType },
) {
  return document(
    'CompleteMultipartUploadResult',
    S3_NAMESPACE,
    text('Location', `http://${call.header('host')}/${call.bucketName}/${encodeURIComponent(draft.key)}`),
    text('Bucket', call.bucketName),
    text('Key', draft.key),
    text('ETag', `"${draft.etag}"`),
    ...checksumElements(draft.checksums),
    text('ChecksumType', Object.keys(draft.checksums).length === 0 ? undefined : draft.checksumType),
  );
}

function namedParts(root: XmlNode, upload: MultipartUpload): UploadedPart[] {
  const entries = childrenOf(root, 'Part');
  if (root.name !== 'CompleteMultipartUpload' || entries.length === 0) throw new S3Error('MalformedXML');
  const numbers = entries.map((entry) => Number(childText(entry, 'PartNumber')));
  if (numbers.some((number, index) => index > 0 && number <= (numbers[index - 1] ?? 0))) {
    throw new S3Error('InvalidPartOrder', { fields: { UploadId: upload.uploadId } });
  }
  return entries.map((entry) => namedPart(entry, upload));
}

function namedPart(entry: XmlNode, upload: MultipartUpload): UploadedPart {
  const number = Number(childText(entry, 'PartNumber'));
  const etag = childText(entry, 'ETag')?.replaceAll('"', '') ?? '';
  const part = upload.parts.get(number);
  const wanted = upload.checksumAlgorithm;
  const checksum = wanted === undefined ? undefined : childText(entry, checksumElement(wanted));
  const mismatch = wanted !== undefined && part !== undefined && checksum !== part.checksums[wanted];
  const needed = upload.checksumType === 'COMPOSITE' || checksum !== undefined;
  if (part === undefined || part.etag !== etag || (mismatch && needed)) {
    throw new S3Error('InvalidPart', { fields: { UploadId: upload.uploadId, PartNumber: number, ETag: etag } });
  }
  return part;
}

function assertSizes(call: S3Call, parts: UploadedPart[]): void {
  const minimum = call.environment.limits.minPartBytes;
  if (call.quirks.equalParts) assertEqual(parts);
  const small = parts.slice(0, -1).find((part) => part.segment.sizeBytes < minimum);
  if (small === undefined) return;
  throw new S3Error('EntityTooSmall', {
    fields: {
      ProposedSize: small.segment.sizeBytes,
      MinSizeAllowed: minimum,
      PartNumber: small.number,
      ETag: small.etag,
    },
  });
}

function assertEqual(parts: UploadedPart[]): void {
  const size = parts[0]?.segment.sizeBytes ?? 0;
  const equal = parts.slice(0, -1).every((part) => part.segment.sizeBytes === size);
  if (equal && (parts.at(-1)?.segment.sizeBytes ?? 0) <= size) return;
  throw new S3Error('InvalidPart', { message: 'All non-trailing parts must have the same length.' });
}

function compositeEtag(upload: MultipartUpload, parts: UploadedPart[]): string {
  const hash = createHash('md5');
  for (const part of parts) hash.update(Buffer.from(part.etag, 'hex'));
  return `${etagFor(upload.attributes, hash.digest('hex'))}-${parts.length}`;
}

async function wholeChecksums(call: S3Call, upload: MultipartUpload, parts: UploadedPart[]): Promise<Checksums> {
  const algorithm = upload.checksumAlgorithm;
  if (algorithm === undefined) return {};
  if (upload.checksumType === 'COMPOSITE') {
    return {
      [algorithm]: compositeChecksum(
        algorithm,
        parts.map((part) => part.checksums[algorithm] ?? ''),
      ),
    };
  }
  const digest = startDigest(algorithm);
  const segments = parts.map((part) => part.segment);
  for await (const chunk of call.environment.store.files.read(segments)) digest.update(chunk);
  const value = digest.digest().toString('base64');
  const claimed = call.header(`x-amz-checksum-${algorithm}`);
  if (claimed !== undefined && claimed !== value) throw new S3Error('BadDigest');
  return { [algorithm]: value };
}

export async function listMultipartUploads(call: S3Call): Promise<Reply> {
  const prefix = call.param('prefix') ?? '';
  const [keyMarker, idMarker] = [call.param('key-marker') ?? '', call.param('upload-id-marker') ?? ''];
  const limit = Math.min(Number(call.param('max-uploads') ?? 1000), 1000);
  const matching = call.bucket.uploads.list().filter((upload) => upload.key.startsWith(prefix));
  const after = matching.slice(indexAfter(matching, keyMarker, idMarker));
  const page = after.slice(0, limit);
  const truncated = after.length > page.length;
  const last = page.at(-1);
  const body = document(
    'ListMultipartUploadsResult',
    S3_NAMESPACE,
    text('Bucket', call.bucketName),
    text('KeyMarker', keyMarker),
    text('UploadIdMarker', idMarker),
    text('NextKeyMarker', truncated ? last?.key : undefined),
    text('NextUploadIdMarker', truncated ? last?.uploadId : undefined),
    text('Prefix', prefix),
    text('MaxUploads', limit),
    text('IsTruncated', truncated),
    ...page.map((upload) => uploadElement(call, upload)),
  );
  return { status: 200, headers: XML, body };
}

function indexAfter(uploads: MultipartUpload[], keyMarker: string, idMarker: string): number {
  if (keyMarker === '') return 0;
  const exact = uploads.findIndex((upload) => upload.key === keyMarker && upload.uploadId === idMarker);
  if (exact >= 0) return exact + 1;
  const next = uploads.findIndex((upload) => Buffer.compare(Buffer.from(upload.key), Buffer.from(keyMarker)) > 0);
  return next < 0 ? uploads.length : next;
}

function uploadElement(call: S3Call, upload: MultipartUpload): string {
  const owner = [text('ID', call.bucket.settings.ownerAccountId), text('DisplayName', 'sandbox')];
  return element(
    'Upload',
    text('Key', upload.key),
    text('UploadId', upload.uploadId),
    element('Initiator', text('ID', upload.initiatorArn), text('DisplayName', 'sandbox')),
    element('Owner', ...owner),
    text('StorageClass', upload.attributes.storageClass),
    text('Initiated', new Date(upload.initiated).toISOString()),
  );
}
