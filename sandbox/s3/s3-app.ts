/** The S3 server as one application: address, signature, region, permission, handler, in that order. */
import { randomBytes } from 'node:crypto';
import type { AdminRequest, Exchange, Reply, SandboxApp, Target } from '@/sandbox/exchange.ts';
import { authenticate } from './authenticate.ts';
import * as buckets from './bucket-handlers.ts';
import * as copies from './copy-handlers.ts';
import * as lists from './list-handlers.ts';
import * as multipart from './multipart-handlers.ts';
import * as objects from './object-handlers.ts';
import { ACTIONS, addressOf, operationOf, type S3Operation } from './operations.ts';
import { dressReply } from './quirks.ts';
import { S3Call, type S3Environment } from './s3-call.ts';
import { errorReply, S3Error } from './s3-error.ts';
import { answerSts, stsErrorReply } from './sts.ts';

type Handler = (call: S3Call) => Promise<Reply>;

const HANDLERS: Record<S3Operation, Handler> = {
  AbortMultipartUpload: multipart.abortMultipartUpload,
  CompleteMultipartUpload: multipart.completeMultipartUpload,
  CopyObject: copies.copyObject,
  CreateBucket: buckets.createBucket,
  CreateMultipartUpload: multipart.createMultipartUpload,
  DeleteBucket: buckets.deleteBucket,
  DeleteObject: objects.deleteObject,
  DeleteObjects: objects.deleteObjects,
  DeleteObjectTagging: objects.deleteObjectTagging,
  DeletePublicAccessBlock: buckets.deletePublicAccessBlock,
  GetBucketLocation: buckets.getBucketLocation,
  GetBucketPolicy: buckets.getBucketPolicy,
  GetBucketPolicyStatus: buckets.getBucketPolicyStatus,
  GetBucketVersioning: buckets.getBucketVersioning,
  GetObject: objects.getObject,
  GetObjectTagging: objects.getObjectTagging,
  GetPublicAccessBlock: buckets.getPublicAccessBlock,
  HeadBucket: buckets.headBucket,
  HeadObject: objects.headObject,
  ListBuckets: buckets.listBuckets,
  ListMultipartUploads: multipart.listMultipartUploads,
  ListObjects: lists.listObjects,
  ListObjectsV2: lists.listObjectsV2,
  ListObjectVersions: lists.listObjectVersions,
  ListParts: multipart.listParts,
  PutBucketPolicy: buckets.putBucketPolicy,
  PutBucketVersioning: buckets.putBucketVersioning,
  PutObject: objects.putObject,
  PutObjectTagging: objects.putObjectTagging,
  PutPublicAccessBlock: buckets.putPublicAccessBlock,
  UploadPart: multipart.uploadPart,
  UploadPartCopy: copies.uploadPartCopy,
};

/** These are judged inside their handlers: by other resources, or one listed key at a time. */
const JUDGED_BY_HANDLER: readonly S3Operation[] = ['ListBuckets', 'DeleteObjects'];

const VERSIONED_ACTIONS: readonly string[] = ['s3:GetObject', 's3:DeleteObject'];

export class S3App implements SandboxApp {
  readonly #environment: S3Environment;
  readonly #admin: (request: AdminRequest) => Promise<unknown>;

  constructor(environment: S3Environment, admin: (request: AdminRequest) => Promise<unknown>) {
    this.#environment = environment;
    this.#admin = admin;
  }

  operationOf(target: Target): string {
    try {
      return operationOf(target) ?? 'unknown';
    } catch {
      return 'invalid';
    }
  }

  async handle(exchange: Exchange): Promise<Reply> {
    const requestId = randomBytes(8).toString('hex').toUpperCase();
    try {
      const reply = await this.#dispatch(exchange);
      const headers = { 'x-amz-request-id': requestId, ...reply.headers };
      return dressReply({ ...reply, headers }, this.#environment.quirks);
    } catch (error) {
      if (!(error instanceof S3Error)) throw error;
      return dressReply(errorReply(error, exchange.method, requestId), this.#environment.quirks);
    }
  }

  refuse(exchange: Exchange, fault: { status: number; code?: string; message?: string }): Reply {
    const code = fault.code ?? codeFor(fault.status);
    if (exchange.operation === 'sts') return stsErrorReply({ message: code, ...fault, code });
    const error = new S3Error(code, { status: fault.status, message: fault.message });
    return errorReply(error, exchange.method, randomBytes(8).toString('hex').toUpperCase());
  }

  async admin(request: AdminRequest): Promise<unknown> {
    return await this.#admin(request);
  }

  async #dispatch(exchange: Exchange): Promise<Reply> {
    const operation = operationOf(exchange);
    if (operation === 'sts') return await answerSts(exchange, this.#environment);
    const call = this.#authenticated(exchange, operation);
    if (call.address.bucket !== undefined && call.operation !== 'CreateBucket') checkBucket(call);
    if (!JUDGED_BY_HANDLER.includes(call.operation)) call.allow(actionOf(call));
    return await HANDLERS[call.operation](call);
  }

  #authenticated(exchange: Exchange, operation: S3Operation | undefined): S3Call {
    const { identities, now } = this.#environment;
    const authentication = authenticate(exchange, exchange.query, { identities, now, service: 's3' });
    const { missing, presignedUrls } = this.#environment.quirks;
    if (operation === undefined || missing.includes(operation)) throw new S3Error('NotImplemented');
    if (authentication.claim.kind === 'presigned' && !presignedUrls) throw new S3Error('AccessDenied');
    const address = addressOf(exchange);
    return new S3Call({ exchange, operation, address, authentication, environment: this.#environment });
  }
}

/** Reading or deleting a named version is an action of its own, and the plain one does not cover it. */
function actionOf(call: S3Call): string {
  const action = ACTIONS[call.operation];
  return VERSIONED_ACTIONS.includes(action) && call.param('versionId') !== undefined ? `${action}Version` : action;
}

function codeFor(status: number): string {
  const codes: Record<number, string> = { 403: 'AccessDenied', 404: 'NoSuchKey', 429: 'SlowDown', 503: 'SlowDown' };
  return codes[status] ?? 'InternalError';
}

function checkBucket(call: S3Call): void {
  const { settings } = call.bucket;
  const expectedOwner = call.header('x-amz-expected-bucket-owner');
  if (expectedOwner !== undefined && expectedOwner !== settings.ownerAccountId) throw new S3Error('AccessDenied');
  if (!call.quirks.anyRegion) checkRegion(call, settings.region);
  if (settings.ownerAccountId !== call.identity.accountId) throw new S3Error('AccessDenied');
}

/** Signed for the endpoint's region: a redirect. Signed for neither: the signature is refused, and says what was due. */
function checkRegion(call: S3Call, region: string): void {
  const { claim } = call.authentication;
  if (claim.region === region) return;
  const headers = { 'x-amz-bucket-region': region };
  if (claim.region === call.environment.region) {
    const fields = { Endpoint: call.header('host'), Bucket: call.bucketName };
    throw new S3Error('PermanentRedirect', { fields, headers });
  }
  const wrong = `the region '${claim.region}' is wrong; expecting '${region}'`;
  if (claim.kind === 'header') {
    const message = `The authorization header is malformed; ${wrong}`;
    throw new S3Error('AuthorizationHeaderMalformed', { message, fields: { Region: region }, headers });
  }
  const message = `Error parsing the X-Amz-Credential parameter; ${wrong}`;
  throw new S3Error('AuthorizationQueryParametersError', { message, fields: { Region: region }, headers });
}
