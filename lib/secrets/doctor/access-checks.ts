import { LongshoreError } from '@/lib/errors.ts';
import type { AwsCredentials, AwsReply } from '@/lib/secrets/aws/aws-request.ts';
import { StsError } from '@/lib/secrets/aws/sts.ts';
import type { AwsDoctorContext } from '@/lib/secrets/doctor/aws-context.ts';
import { type Check, CheckFailure, type Outcome, ok, skipped } from '@/lib/secrets/doctor/check-runner.ts';
import {
  CLOCK_REMEDY,
  diagnose,
  failureOfCode,
  isDenied,
  isWrongRegion,
  mustSucceed,
  regionInAnswer,
  wrongRegion,
} from '@/lib/secrets/doctor/diagnosis.ts';
import { bucketUrl } from '@/lib/secrets/doctor/s3-probe.ts';
import { userPrefix } from '@/lib/secrets/policies.ts';
import { regionOf } from '@/lib/secrets/secrets.types.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';

type AwsCheck = Check<AwsDoctorContext>;

/** The checks that lead to the bucket: the address, the time, who we are, the role, the bucket itself, its region. */
export const ACCESS_CHECKS: readonly AwsCheck[] = [
  { id: 'endpoint', title: 'Endpoint', required: true, needs: [], run: checkEndpoint },
  { id: 'clock', title: 'Clock', required: true, needs: ['endpoint'], run: checkClock },
  { id: 'credentials', title: 'Credentials', required: true, needs: ['endpoint'], run: checkCredentials },
  { id: 'role', title: 'Role', required: true, needs: ['endpoint', 'credentials'], run: checkRole },
  { id: 'bucket', title: 'Bucket', required: true, needs: ['credentials', 'role'], run: checkBucket },
  { id: 'list', title: 'List', required: true, needs: ['bucket'], run: checkList },
  { id: 'region', title: 'Region', required: true, needs: ['bucket'], run: checkRegion },
];

/** An unsigned question to the bucket's own address. Any answer of the store will do; where it leads is guarded. */
async function checkEndpoint(context: AwsDoctorContext, signal: AbortSignal): Promise<Outcome> {
  const url = bucketUrl(context.place);
  refusePlainHttp(url, context);
  const askedMs = context.given.nowMs();
  const reply = await context.given.requester.sendPlain({ method: 'GET', url, signal }).catch((error) => {
    throw StorageError.is(error, 'unavailable') && context.aws.endpoint === undefined ? noSuchRegion(url) : error;
  });
  readClock(context, reply, (askedMs + context.given.nowMs()) / 2);
  if (isRedirect(reply) && regionInAnswer(reply) === undefined) throw redirected();
  return ok(`${url.host} answers.`);
}

/** AWS itself is hardly ever down: a region that does not exist has no name. */
function noSuchRegion(url: URL): CheckFailure {
  return new CheckFailure({
    code: 'unavailable',
    message: `${url.host} cannot be reached.`,
    remedy: 'Check that the region exists, and that this machine reaches the internet.',
  });
}

function refusePlainHttp(url: URL, { given }: AwsDoctorContext): void {
  if (url.protocol === 'https:' || given.allowPlainHttp) return;
  throw new CheckFailure({
    code: 'insecure_endpoint',
    message: 'The endpoint is plain HTTP: datasets and signed URLs would travel readable by anybody on the way.',
    remedy: 'Give an address that begins with https://.',
  });
}

function isRedirect({ status }: AwsReply): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}

function redirected(): CheckFailure {
  return new CheckFailure({
    code: 'endpoint_redirects',
    message: 'The endpoint sends us to another address. Longshore does not follow redirects.',
    remedy: 'Give the final address of the store as endpoint.',
  });
}

function readClock(context: AwsDoctorContext, reply: AwsReply, atMs: number): void {
  const theirs = Date.parse(reply.headers.date ?? '');
  if (Number.isNaN(theirs)) return;
  // The header counts whole seconds: half a second is the expected rest.
  context.clockOffsetMs = theirs + 500 - atMs;
}

const UNNOTICED_SKEW_MS = 60_000;
/** S3 refuses requests that are 15 minutes off; one minute of reserve for a clock that drifts. */
const REFUSED_SKEW_MS = 14 * 60_000;

/** Signs with the store's time from here on, so that a wrong clock does not hide what else is wrong. */
async function checkClock(context: AwsDoctorContext): Promise<Outcome> {
  const offsetMs = context.clockOffsetMs;
  if (offsetMs === undefined) return skipped('The store does not tell its time.');
  const off = Math.abs(offsetMs);
  if (off < UNNOTICED_SKEW_MS) return ok('This machine and the store agree on the time.');
  context.given.setClockOffset(offsetMs);
  throw new CheckFailure({
    code: 'clock_skew',
    message: `This machine’s clock is ${spoken(off)} ${offsetMs > 0 ? 'behind' : 'ahead of'} the store’s.`,
    remedy: CLOCK_REMEDY,
    required: off >= REFUSED_SKEW_MS,
  });
}

function spoken(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 120 ? `${seconds} seconds` : `${Math.round(seconds / 60)} minutes`;
}

async function checkCredentials(context: AwsDoctorContext, signal: AbortSignal): Promise<Outcome> {
  const keys = keysOf(context);
  if (keys === undefined)
    return skipped('No keys are given: the role is assumed with the identity of this installation.');
  context.connect(keys);
  const { region, endpoint } = context.place;
  try {
    const { arn } = await context.given.sts.callerIdentity(keys, { region, endpoint }, signal);
    return ok(arn.endsWith(':root') ? `${arn}. Better make an IAM user: these keys may do everything.` : arn);
  } catch (error) {
    const failure = error instanceof StsError ? failureOfCode(error.awsCode) : undefined;
    if (failure !== undefined) throw new CheckFailure(failure);
    if (endpoint === undefined) throw error;
    return askBucketInstead(context, signal);
  }
}

/** Stores without STS: whoever may sign any request at all is known. */
async function askBucketInstead(context: AwsDoctorContext, signal: AbortSignal): Promise<Outcome> {
  const reply = await context.probe.list(userPrefix(context.given.userId), signal);
  const failure = reply.errorCode === 'NoSuchBucket' ? undefined : failureOfCode(reply.errorCode ?? '');
  if (failure !== undefined) throw new CheckFailure(failure);
  return ok('The store knows these keys.');
}

function keysOf({ given }: AwsDoctorContext): AwsCredentials | undefined {
  if (given.credentials !== undefined) return given.credentials;
  const { api_key, metadata } = given.content;
  const { secret_access_key } = metadata.aws;
  if (api_key === undefined || secret_access_key === undefined) return undefined;
  return { accessKeyId: api_key, secretAccessKey: secret_access_key };
}

async function checkRole(context: AwsDoctorContext, signal: AbortSignal): Promise<Outcome> {
  const { given, aws } = context;
  if (given.credentials !== undefined) return skipped('No role is given.');
  try {
    const credentials = await given.sessions.open(given.content, given.userId, signal);
    if (aws.role_arn === undefined) return skipped('No role is given.');
    context.connect(credentials);
    return ok(sessionLife(credentials, given.nowMs()));
  } catch (error) {
    throw roleFailure(error, context);
  }
}

function sessionLife({ expiresAt }: AwsCredentials, nowMs: number): string {
  const hours = expiresAt === undefined ? 0 : (expiresAt.getTime() - nowMs) / 3_600_000;
  if (hours >= 2) return 'The role can be assumed.';
  return 'The role can be assumed for an hour at a time, so download URLs live an hour at most. Raise its maximum session duration to 4 hours for longer ones.';
}

function roleFailure(error: unknown, { aws }: AwsDoctorContext): unknown {
  if (error instanceof LongshoreError) {
    return new CheckFailure({ code: error.code, message: error.message, remedy: error.hint });
  }
  if (!(error instanceof StsError) || error.code !== 'forbidden') return error;
  return new CheckFailure({
    code: 'access_denied',
    message: 'The role cannot be assumed.',
    action: 'sts:AssumeRole',
    remedy: `Paste the trust policy shown with this report into ${aws.role_arn}. It must name the external id ${aws.external_id}.`,
  });
}

async function checkBucket(context: AwsDoctorContext, signal: AbortSignal): Promise<Outcome> {
  const reply = await listing(context, signal);
  if (reply.errorCode === 'NoSuchBucket') return makeBucket(context, signal);
  // A denial is an answer for a bucket that exists; what is allowed in it is for the other checks.
  if (!reply.ok && !isDenied(reply)) throw new CheckFailure(diagnose(reply, context.onBucket('s3:ListBucket')));
  if (reply.ok && !reply.body.includes('ListBucketResult')) throw notS3();
  return ok(`${context.aws.s3_bucket} exists.`);
}

/** Lists, in the region that the store names when the one given is wrong. */
async function listing(context: AwsDoctorContext, signal: AbortSignal): Promise<AwsReply> {
  const prefix = userPrefix(context.given.userId);
  const reply = await context.probe.list(prefix, signal);
  const actual = isWrongRegion(reply) ? regionInAnswer(reply) : undefined;
  if (actual === undefined || actual === context.region) return reply;
  context.moveToRegion(actual);
  return context.probe.list(prefix, signal);
}

async function makeBucket(context: AwsDoctorContext, signal: AbortSignal): Promise<Outcome> {
  if (!context.given.createBucket) {
    context.suggestions.create_bucket = true;
    const details = { code: 'bucket_not_found', message: `The bucket ${context.aws.s3_bucket} does not exist.` };
    throw new CheckFailure({
      ...details,
      remedy: 'Check its name, or let Longshore make it: repeat with create_bucket.',
    });
  }
  const reply = await context.probe.createBucket(signal);
  if (reply.errorCode === 'BucketAlreadyExists') {
    const remedy = 'Choose another name: bucket names are unique in the whole of S3.';
    throw new CheckFailure({ code: 'bucket_name_taken', message: 'Somebody else has a bucket of this name.', remedy });
  }
  mustSucceed(reply, context.onBucket('s3:CreateBucket'));
  return ok(`${context.aws.s3_bucket} was made in ${context.region}.`);
}

function notS3(): CheckFailure {
  return new CheckFailure({
    code: 'not_s3',
    message: 'What answers at the endpoint does not speak S3.',
    remedy: 'Give the store’s S3 API address, not that of its console.',
  });
}

async function checkList(context: AwsDoctorContext, signal: AbortSignal): Promise<Outcome> {
  mustSucceed(await context.probe.list(userPrefix(context.given.userId), signal), context.onBucket('s3:ListBucket'));
  return ok('Objects can be listed.');
}

async function checkRegion(context: AwsDoctorContext): Promise<Outcome> {
  const given = regionOf(context.aws);
  if (context.region === given) return ok(given);
  context.suggestions.region = context.region;
  throw new CheckFailure(wrongRegion(context.region));
}
