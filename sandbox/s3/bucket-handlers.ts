/** Operations on buckets: create, head, delete, location, versioning, public access block, policy. */
import type { Reply } from '@/sandbox/exchange.ts';
import { S3_NAMESPACE } from './object-handlers.ts';
import type { PublicAccessBlock } from './object-model.ts';
import { parsePolicy } from './policy.ts';
import type { S3Call } from './s3-call.ts';
import { S3Error } from './s3-error.ts';
import { childText, document, element, parseXml, text } from './xml.ts';

const XML = { 'content-type': 'application/xml' };

export async function listBuckets(call: S3Call): Promise<Reply> {
  call.allow('s3:ListAllMyBuckets', '*');
  const own = call.environment.store.list().filter((b) => b.settings.ownerAccountId === call.identity.accountId);
  const buckets = own.map(({ settings }) =>
    element('Bucket', text('Name', settings.name), text('CreationDate', new Date(settings.createdAt).toISOString())),
  );
  const owner = element('Owner', text('ID', call.identity.accountId), text('DisplayName', 'sandbox'));
  const body = document('ListAllMyBucketsResult', S3_NAMESPACE, owner, element('Buckets', ...buckets));
  return { status: 200, headers: XML, body };
}

export async function createBucket(call: S3Call): Promise<Reply> {
  const name = call.bucketName;
  const region = await wantedRegion(call);
  if (!isBucketName(name)) throw new S3Error('InvalidBucketName', { fields: { BucketName: name } });
  const existing = call.environment.store.get(name)?.settings;
  if (existing !== undefined) {
    const own = existing.ownerAccountId === call.identity.accountId;
    throw new S3Error(own ? 'BucketAlreadyOwnedByYou' : 'BucketAlreadyExists', { fields: { BucketName: name } });
  }
  await call.environment.store.create({
    name,
    region,
    ownerAccountId: call.identity.accountId,
    createdAt: call.now(),
    versioning: undefined,
    publicAccessBlock: ALL_BLOCKED,
    policy: undefined,
  });
  return { status: 200, headers: { location: `/${name}` } };
}

/** What AWS gives every bucket since April 2023. */
export const ALL_BLOCKED: PublicAccessBlock = {
  BlockPublicAcls: true,
  IgnorePublicAcls: true,
  BlockPublicPolicy: true,
  RestrictPublicBuckets: true,
};

export function isBucketName(name: string): boolean {
  return /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) && !name.includes('..') && !/^\d+(\.\d+){3}$/.test(name);
}

/** us-east-1 creates anywhere by constraint; every other endpoint only at home, and only when told so. */
async function wantedRegion(call: S3Call): Promise<string> {
  const source = await call.document();
  const root = source === '' ? undefined : parseXml(source);
  if (source !== '' && root === undefined) throw new S3Error('MalformedXML');
  const constraint = root === undefined ? undefined : childText(root, 'LocationConstraint');
  const signed = call.authentication.claim.region;
  if (signed === 'us-east-1') return constraint ?? signed;
  if (constraint === signed) return constraint;
  throw new S3Error('IllegalLocationConstraintException', {
    message: `The ${constraint ?? 'unspecified'} location constraint is incompatible for the region specific endpoint this request was sent to.`,
  });
}

export async function headBucket(call: S3Call): Promise<Reply> {
  return { status: 200, headers: { 'x-amz-bucket-region': call.bucket.settings.region } };
}

export async function deleteBucket(call: S3Call): Promise<Reply> {
  const { bucket } = call;
  if (bucket.keys.length > 0) throw new S3Error('BucketNotEmpty', { fields: { BucketName: call.bucketName } });
  await call.environment.store.delete(bucket);
  return { status: 204 };
}

export async function getBucketLocation(call: S3Call): Promise<Reply> {
  const { region } = call.bucket.settings;
  const inner = region === 'us-east-1' ? '' : region;
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<LocationConstraint xmlns="${S3_NAMESPACE}">${inner}</LocationConstraint>`;
  return { status: 200, headers: XML, body };
}

export async function getBucketVersioning(call: S3Call): Promise<Reply> {
  const body = document('VersioningConfiguration', S3_NAMESPACE, text('Status', call.bucket.settings.versioning));
  return { status: 200, headers: XML, body };
}

export async function putBucketVersioning(call: S3Call): Promise<Reply> {
  const status = childText(await call.xml(), 'Status');
  if (status !== 'Enabled' && status !== 'Suspended') throw new S3Error('MalformedXML');
  call.bucket.settings.versioning = status;
  call.bucket.saveSettings();
  return { status: 200 };
}

const BLOCK_NAMES = ['BlockPublicAcls', 'IgnorePublicAcls', 'BlockPublicPolicy', 'RestrictPublicBuckets'] as const;

export async function getPublicAccessBlock(call: S3Call): Promise<Reply> {
  const block = call.bucket.settings.publicAccessBlock;
  if (block === undefined) throw new S3Error('NoSuchPublicAccessBlockConfiguration');
  const flags = BLOCK_NAMES.map((name) => text(name, block[name]));
  return { status: 200, headers: XML, body: document('PublicAccessBlockConfiguration', S3_NAMESPACE, ...flags) };
}

export async function putPublicAccessBlock(call: S3Call): Promise<Reply> {
  const root = await call.xml();
  const flags = BLOCK_NAMES.map((name) => [name, childText(root, name)?.trim().toLowerCase() === 'true'] as const);
  call.bucket.settings.publicAccessBlock = Object.fromEntries(flags) as unknown as PublicAccessBlock;
  call.bucket.saveSettings();
  return { status: 200 };
}

export async function deletePublicAccessBlock(call: S3Call): Promise<Reply> {
  call.bucket.settings.publicAccessBlock = undefined;
  call.bucket.saveSettings();
  return { status: 204 };
}

export async function getBucketPolicy(call: S3Call): Promise<Reply> {
  const { policy } = call.bucket.settings;
  if (policy === undefined) throw new S3Error('NoSuchBucketPolicy', { fields: { BucketName: call.bucketName } });
  return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(policy) };
}

/** Kept and shown; requests are judged by the identities' own permissions. */
export async function putBucketPolicy(call: S3Call): Promise<Reply> {
  const source = await call.document();
  const policy = parsePolicy(source);
  if (policy === undefined) throw new S3Error('MalformedPolicy');
  call.bucket.settings.policy = policy;
  call.bucket.saveSettings();
  return { status: 204 };
}

/** Public: an Allow for everybody, as the sandbox understands `Principal`. */
export async function getBucketPolicyStatus(call: S3Call): Promise<Reply> {
  const { policy } = call.bucket.settings;
  if (policy === undefined) throw new S3Error('NoSuchBucketPolicy', { fields: { BucketName: call.bucketName } });
  const statements = [policy.Statement].flat() as { Effect: string; Principal?: unknown }[];
  const open = statements.some(
    (s) => s.Effect === 'Allow' && /^("\*"|{"AWS":"\*"})$/.test(JSON.stringify(s.Principal)),
  );
  return { status: 200, headers: XML, body: document('PolicyStatus', S3_NAMESPACE, text('IsPublic', open)) };
}
