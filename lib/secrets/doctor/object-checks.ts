import { randomBytes } from 'node:crypto';
import { type AwsReply, xmlText, xmlTexts } from '@/lib/secrets/aws/aws-request.ts';
import type { AwsDoctorContext } from '@/lib/secrets/doctor/aws-context.ts';
import { type Check, CheckFailure, type Outcome, ok, skipped } from '@/lib/secrets/doctor/check-runner.ts';
import { isDenied, mustSucceed } from '@/lib/secrets/doctor/diagnosis.ts';

type AwsCheck = Check<AwsDoctorContext>;

/** The checks on one tiny object: everything that happens to a dataset in its life, in that order. */
export const OBJECT_CHECKS: readonly AwsCheck[] = [
  { id: 'put', title: 'Put', required: true, needs: ['bucket'], run: checkPut },
  { id: 'head', title: 'Head', required: true, needs: ['put'], run: checkHead },
  { id: 'get_range', title: 'Ranged get', required: true, needs: ['put'], run: checkRange },
  { id: 'multipart', title: 'Multipart upload', required: true, needs: ['put'], run: checkMultipart },
  { id: 'abort', title: 'Abort of an upload', required: true, needs: ['put'], run: checkAbort },
  { id: 'presign', title: 'Presigned URL', required: true, needs: ['put'], run: checkPresign },
  { id: 'public_access', title: 'Public access', required: false, needs: ['put'], run: checkPublicAccess },
  { id: 'delete', title: 'Delete', required: true, needs: ['bucket'], run: checkDelete },
  { id: 'versioning', title: 'Versioning', required: true, needs: ['bucket'], run: checkVersioning },
];

async function checkPut(context: AwsDoctorContext, signal: AbortSignal): Promise<Outcome> {
  await chooseKey(context, signal);
  const body = testBody();
  leaveObject(context);
  const reply = await context.probe.put(context.key, body, signal);
  // A clear refusal wrote nothing; after a fault of the store nobody knows.
  if (reply.status >= 400 && reply.status < 500) context.given.leftovers.gone(objectName(context));
  mustSucceed(reply, context.onObjects('s3:PutObject'));
  context.noteVersion(reply);
  context.stored = body;
  return ok('A small object was written.');
}

/** Deletes what is not there: an allowed delete says so, a denied one is known before anything is written. */
async function chooseKey(context: AwsDoctorContext, signal: AbortSignal): Promise<void> {
  const reply = await context.probe.delete(context.key, signal);
  if (isDenied(reply)) context.keepToFixedKey();
  else context.noteVersion(reply);
}

function testBody(): Buffer {
  return Buffer.from(`longshore doctor ${randomBytes(24).toString('hex')}\n`, 'utf8');
}

function leaveObject(context: AwsDoctorContext): void {
  context.given.leftovers.add(objectName(context), (signal) => context.purge(signal));
}

const objectName = ({ aws, key }: AwsDoctorContext) => `s3://${aws.s3_bucket}/${key}`;
const uploadName = (context: AwsDoctorContext, uploadId: string) =>
  `the unfinished upload ${uploadId} to ${objectName(context)}`;

async function checkHead(context: AwsDoctorContext, signal: AbortSignal): Promise<Outcome> {
  const reply = mustSucceed(await context.probe.head(context.key, signal), context.onObjects('s3:GetObject'));
  if (Number(reply.headers['content-length']) !== context.stored?.length) throw different('size');
  const missing = await context.probe.head(context.key.replace('.jsonl.gz', '-missing.jsonl.gz'), signal);
  if (missing.status === 403) throw closedDoor(context);
  return ok('The object has the size that was written, and a missing one is told apart.');
}

/** S3 says 403 for what is missing to whoever may not list the whole bucket. */
function closedDoor(context: AwsDoctorContext): CheckFailure {
  const { action, resource } = context.onBucket('s3:ListBucket');
  return new CheckFailure({
    code: 'access_denied',
    message: 'For a missing object the store answers “forbidden”: a lost copy could not be told from a closed door.',
    action,
    remedy: `Allow ${action} on ${resource}, without a condition on the prefix.`,
  });
}

function different(what: string): CheckFailure {
  return new CheckFailure({
    code: 'corrupt',
    message: `The store does not give back what was written: the ${what} differs.`,
    remedy: 'Do not use this store before its makers have mended it. A proxy between us may also be the cause.',
  });
}

async function checkRange(context: AwsDoctorContext, signal: AbortSignal): Promise<Outcome> {
  const range = { firstByte: 5, lastByte: 14 };
  const reply = await context.probe.getRange(context.key, range, signal);
  mustSucceed(reply, context.onObjects('s3:GetObject'));
  if (reply.status !== 206) {
    const message = 'The store ignores Range and answers with the whole object.';
    const remedy = 'Previews and resumed downloads need ranges: use another store, or mend the proxy before it.';
    throw new CheckFailure({ code: 'no_ranges', message, remedy });
  }
  if (!reply.body.equals(wanted(context).subarray(5, 15))) throw different('content');
  const version = context.newestVersion;
  if (version === undefined) return ok('A part of the object can be read.');
  const named = await context.probe.getVersion(context.key, version, signal);
  mustSucceed(named, context.onObjects('s3:GetObjectVersion'));
  return ok('A part of the object can be read, and a version by its name.');
}

function wanted({ stored }: AwsDoctorContext): Buffer {
  if (stored === undefined) throw new Error('a check read the test object before it was written');
  return stored;
}

async function checkMultipart(context: AwsDoctorContext, signal: AbortSignal): Promise<Outcome> {
  const { probe, key } = context;
  const body = testBody();
  const uploadId = await startUpload(context, signal);
  const part = mustSucceed(await probe.putPart(key, uploadId, body, signal), context.onObjects('s3:PutObject'));
  const listed = await probe.listParts(key, uploadId, signal);
  const done = await probe.completeMultipart(key, uploadId, part.headers.etag ?? '', signal);
  mustSucceed(done, context.onObjects('s3:PutObject'));
  context.noteVersion(done);
  context.stored = body;
  context.given.leftovers.gone(uploadName(context, uploadId));
  mustSucceed(listed, context.onObjects('s3:ListMultipartUploadParts'));
  return ok('Large objects can be written in parts.');
}

async function startUpload(context: AwsDoctorContext, signal: AbortSignal): Promise<string> {
  const { probe, key } = context;
  const reply = mustSucceed(await probe.startMultipart(key, signal), context.onObjects('s3:PutObject'));
  const uploadId = xmlText(reply.body.toString('utf8'), 'UploadId');
  if (uploadId === undefined) {
    const remedy = 'Use a store with multipart uploads: large datasets need them.';
    throw new CheckFailure({ code: 'no_multipart', message: 'The store knows no multipart uploads.', remedy });
  }
  context.given.leftovers.add(uploadName(context, uploadId), (after) => giveUp(context, uploadId, after));
  return uploadId;
}

/** Aborts; where that is not allowed, finishes the upload, so that it becomes an object that can be deleted. */
async function giveUp(context: AwsDoctorContext, uploadId: string, signal: AbortSignal): Promise<void> {
  const { probe, key } = context;
  const aborted = await probe.abortMultipart(key, uploadId, signal);
  if (aborted.ok || aborted.errorCode === 'NoSuchUpload') return;
  const part = await probe.putPart(key, uploadId, testBody(), signal);
  const done = await probe.completeMultipart(key, uploadId, part.headers.etag ?? '', signal);
  mustSucceed(done, context.onObjects('s3:AbortMultipartUpload'));
  context.noteVersion(done);
  await context.purge(signal);
}

async function checkAbort(context: AwsDoctorContext, signal: AbortSignal): Promise<Outcome> {
  const uploadId = await startUpload(context, signal);
  const reply = await context.probe.abortMultipart(context.key, uploadId, signal);
  mustSucceed(reply, context.onObjects('s3:AbortMultipartUpload'));
  context.given.leftovers.gone(uploadName(context, uploadId));
  return ok('An unfinished upload can be given up.');
}

async function checkPresign(context: AwsDoctorContext, signal: AbortSignal): Promise<Outcome> {
  const reply = await context.probe.getPresigned(context.key, signal);
  mustSucceed(reply, context.onObjects('s3:GetObject'));
  if (!reply.body.equals(wanted(context))) throw different('content');
  return ok('Anybody who holds a signed URL can download, until it expires.');
}

async function checkPublicAccess(context: AwsDoctorContext, signal: AbortSignal): Promise<Outcome> {
  const stranger = await context.probe.getAsStranger(context.key, signal);
  if (stranger.ok) throw publicBucket();
  const reply = await context.probe.publicAccessBlock(signal);
  if (isDenied(reply)) mustSucceed(reply, context.onBucket('s3:GetBucketPublicAccessBlock'));
  const text = reply.ok ? reply.body.toString('utf8') : '';
  const block = text.includes('PublicAccessBlockConfiguration');
  if (block && BLOCKS.every((name) => xmlText(text, name) === 'true')) return ok('Public access is blocked.');
  if (block || reply.errorCode === 'NoSuchPublicAccessBlockConfiguration') throw notBlocked();
  return ok('Strangers are refused. The store has no setting that blocks public access as a whole.');
}

const BLOCKS = ['BlockPublicAcls', 'IgnorePublicAcls', 'BlockPublicPolicy', 'RestrictPublicBuckets'];

function publicBucket(): CheckFailure {
  return new CheckFailure({
    code: 'public_bucket',
    message: 'Anybody on the internet can read the objects of this bucket.',
    remedy: 'Turn on “Block all public access” of the bucket, or use another bucket.',
    required: true,
  });
}

function notBlocked(): CheckFailure {
  return new CheckFailure({
    code: 'public_access_not_blocked',
    message: 'Strangers are refused today, but nothing keeps a later setting from opening the bucket.',
    remedy: 'Turn on “Block all public access” of the bucket.',
  });
}

async function checkDelete(context: AwsDoctorContext, signal: AbortSignal): Promise<Outcome> {
  const reply = await context.probe.delete(context.key, signal);
  mustSucceed(reply, context.onObjects('s3:DeleteObject'));
  context.noteVersion(reply);
  if (!context.keepsVersions) context.given.leftovers.gone(objectName(context));
  return ok('Objects can be deleted.');
}

/** In a bucket with versions a deletion only hides: what is deleted must be removed version by version. */
async function checkVersioning(context: AwsDoctorContext, signal: AbortSignal): Promise<Outcome> {
  const reply = await context.probe.versioning(signal);
  if (!isDenied(reply) && !knowsVersions(reply) && !context.keepsVersions)
    return skipped('The store keeps no versions.');
  if (context.keepsVersions || /Enabled|Suspended/.test(versioningStatus(reply))) await removeVersions(context, signal);
  mustSucceed(reply, context.onBucket('s3:GetBucketVersioning'));
  return ok(
    context.keepsVersions || versioningStatus(reply) !== ''
      ? 'On: deleted datasets are removed with all versions.'
      : 'Off.',
  );
}

function knowsVersions(reply: AwsReply): boolean {
  return reply.ok && reply.body.includes('VersioningConfiguration');
}

function versioningStatus(reply: AwsReply): string {
  return reply.ok ? (xmlText(reply.body.toString('utf8'), 'Status') ?? '') : '';
}

/** The test makes four; a store that tells of more and more is not followed. */
const MAX_VERSIONS = 50;

async function removeVersions(context: AwsDoctorContext, signal: AbortSignal): Promise<void> {
  const { probe, key, given } = context;
  const listed = mustSucceed(await probe.listVersions(key, signal), context.onBucket('s3:ListBucketVersions'));
  for (const version of xmlTexts(listed.body.toString('utf8'), 'VersionId', MAX_VERSIONS)) {
    mustSucceed(await probe.delete(key, signal, version), context.onObjects('s3:DeleteObjectVersion'));
  }
  given.leftovers.gone(objectName(context));
}
