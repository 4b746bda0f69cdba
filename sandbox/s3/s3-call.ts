import type { Exchange } from '@/sandbox/exchange.ts';
import type { Authentication } from './authenticate.ts';
import type { Bucket } from './bucket.ts';
import { denialMessage, type Identities, type Identity, isAllowed } from './identities.ts';
import type { ObjectVersion } from './object-model.ts';
import type { Address, S3Operation } from './operations.ts';
import type { S3Quirks } from './quirks.ts';
import { type ReceivedBody, receiveBody, receiveDocument } from './receive-body.ts';
import { S3Error } from './s3-error.ts';
import type { S3Store } from './s3-store.ts';
import { parseXml, type XmlNode } from './xml.ts';

export interface S3Limits {
  /** Of every part but the last. AWS: 5 MiB. */
  minPartBytes: number;
  /** Of one PutObject or UploadPart. AWS: 5 GiB. */
  maxPutBytes: number;
}

/** What all handlers share. */
export interface S3Environment {
  store: S3Store;
  identities: Identities;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Region of the endpoint. */
  region: string;
  limits: S3Limits;
  quirks: S3Quirks;
}

/** One authenticated request on its way through a handler. */
export class S3Call {
  readonly exchange: Exchange;
  readonly operation: S3Operation;
  readonly address: Address;
  readonly authentication: Authentication;
  readonly environment: S3Environment;

  constructor(parts: {
    exchange: Exchange;
    operation: S3Operation;
    address: Address;
    authentication: Authentication;
    environment: S3Environment;
  }) {
    this.exchange = parts.exchange;
    this.operation = parts.operation;
    this.address = parts.address;
    this.authentication = parts.authentication;
    this.environment = parts.environment;
  }

  get identity(): Identity {
    return this.authentication.identity;
  }

  get key(): string {
    return this.address.key;
  }

  get bucketName(): string {
    return this.address.bucket ?? '';
  }

  get bucket(): Bucket {
    return this.bucketNamed(this.bucketName);
  }

  bucketNamed(name: string): Bucket {
    const bucket = this.environment.store.get(name);
    if (bucket === undefined) throw new S3Error('NoSuchBucket', { fields: { BucketName: name } });
    return bucket;
  }

  header(name: string): string | undefined {
    const value = this.exchange.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  param(name: string): string | undefined {
    return this.exchange.query.get(name) ?? undefined;
  }

  can(action: string, resource: string = this.resource()): boolean {
    return isAllowed(this.identity, { action, resource, prefix: this.param('prefix') });
  }

  allow(action: string, resource: string = this.resource()): void {
    if (this.can(action, resource)) return;
    const question = { action, resource, prefix: this.param('prefix') };
    throw new S3Error('AccessDenied', { message: denialMessage(this.identity, question) });
  }

  resource(bucket: string = this.bucketName, key: string = this.key): string {
    return `arn:aws:s3:::${bucket}${key === '' ? '' : `/${key}`}`;
  }

  /** Whole seconds, as S3 keeps them. */
  now(): number {
    return Math.floor(this.environment.now() / 1000) * 1000;
  }

  get quirks(): S3Quirks {
    return this.environment.quirks;
  }

  /** The payload of a request that carries an object's bytes. */
  async receive(): Promise<ReceivedBody> {
    const { store, limits, quirks } = this.environment;
    const options = { maxBytes: limits.maxPutBytes, quirks };
    return await receiveBody(this.exchange, this.authentication, store.files, options);
  }

  async document(): Promise<string> {
    const { store, quirks } = this.environment;
    return await receiveDocument(this.exchange, this.authentication, store.files, quirks);
  }

  async xml(): Promise<XmlNode> {
    const root = parseXml(await this.document());
    if (root === undefined) throw new S3Error('MalformedXML');
    return root;
  }

  /** NoSuchKey and NoSuchVersion, or AccessDenied for who may not list: S3 does not tell such a user what is absent. */
  visible(bucket: Bucket, key: string, versionId: string | undefined): ObjectVersion {
    const version = versionId === undefined ? bucket.versionsOf(key)[0] : bucket.version(key, versionId);
    if (version !== undefined && !version.isDeleteMarker) return version;
    const bucketArn = this.resource(bucket.settings.name, '');
    this.allow('s3:ListBucket', bucketArn);
    if (version === undefined) throw absent(key, versionId);
    throw behindMarker(version, versionId);
  }
}

function absent(key: string, versionId: string | undefined): S3Error {
  if (versionId === undefined) return new S3Error('NoSuchKey', { fields: { Key: key } });
  return new S3Error('NoSuchVersion', { fields: { Key: key, VersionId: versionId } });
}

function behindMarker(marker: ObjectVersion, versionId: string | undefined): S3Error {
  const headers = { 'x-amz-delete-marker': 'true', 'x-amz-version-id': marker.versionId };
  if (versionId !== undefined) return new S3Error('MethodNotAllowed', { headers: { ...headers, allow: 'DELETE' } });
  return new S3Error('NoSuchKey', { fields: { Key: marker.key }, headers });
}
