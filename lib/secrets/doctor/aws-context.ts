import { randomBytes } from 'node:crypto';
import type { AwsCredentials, AwsReply, AwsRequester } from '@/lib/secrets/aws/aws-request.ts';
import type { AwsSessions } from '@/lib/secrets/aws/aws-sessions.ts';
import type { StsClient } from '@/lib/secrets/aws/sts.ts';
import type { Leftovers } from '@/lib/secrets/doctor/check-runner.ts';
import type { Attempt } from '@/lib/secrets/doctor/diagnosis.ts';
import type { DoctorSuggestions } from '@/lib/secrets/doctor/report.ts';
import { S3Probe } from '@/lib/secrets/doctor/s3-probe.ts';
import { partitionOf, userPrefix } from '@/lib/secrets/policies.ts';
import { regionOf, type SecretContents } from '@/lib/secrets/secrets.types.ts';
import { datasetObjectKey } from '@/lib/storage/object-key.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';

export interface AwsDoctorContextOptions {
  content: SecretContents['aws'];
  userId: string;
  requester: AwsRequester;
  sts: StsClient;
  sessions: AwsSessions;
  /** Corrects the time to sign with, once the store's own time is known. */
  setClockOffset: (offsetMs: number) => void;
  nowMs: () => number;
  leftovers: Leftovers;
  createBucket: boolean;
  /** Instead of the content's own. */
  credentials: AwsCredentials | undefined;
  allowPlainHttp: boolean;
}

/** What the checks of one run share: what they were given, and what the earlier ones found out for the later ones. */
export class AwsDoctorContext {
  readonly given: AwsDoctorContextOptions;
  readonly suggestions: DoctorSuggestions = {};
  /** The region that works: the one given, or the one the store named. */
  region: string;
  /** Of the store's first answer, where it told its time: its time minus ours. */
  clockOffsetMs: number | undefined;
  /** An object name as a dataset's would be, so that a policy which fits datasets fits the test. */
  key: string;
  /** What lies under `key` at this moment. */
  stored: Buffer | undefined;
  private connected: S3Probe | undefined;
  private readonly versionIds = new Set<string>();

  constructor(given: AwsDoctorContextOptions) {
    this.given = given;
    this.region = regionOf(given.content.metadata.aws);
    this.key = datasetObjectKey('s3', given.userId, `longshore-doctor-${randomBytes(6).toString('hex')}`);
  }

  get aws() {
    return this.given.content.metadata.aws;
  }

  get place() {
    return { bucket: this.aws.s3_bucket, region: this.region, endpoint: this.aws.endpoint };
  }

  /** Set by the check that found working credentials; every check that uses it needs that one. */
  get probe(): S3Probe {
    if (this.connected === undefined) throw new Error('a check of the bucket ran before the credentials were checked');
    return this.connected;
  }

  connect(credentials: AwsCredentials): void {
    this.connected = new S3Probe({ ...this.place, requester: this.given.requester, credentials });
  }

  moveToRegion(region: string): void {
    this.region = region;
    this.connected = this.probe.inRegion(region);
  }

  /** Where deleting is not allowed at all, every run uses one and the same name: a single tiny object may stay. */
  keepToFixedKey(): void {
    this.key = datasetObjectKey('s3', this.given.userId, 'longshore-doctor');
  }

  onObjects(action: string): Attempt {
    const { s3_bucket } = this.aws;
    return { action, resource: `arn:${partitionOf(this.aws)}:s3:::${s3_bucket}/${userPrefix(this.given.userId)}*` };
  }

  onBucket(action: string): Attempt {
    return { action, resource: `arn:${partitionOf(this.aws)}:s3:::${this.aws.s3_bucket}` };
  }

  /** Notes the version that an answer tells of, so that it can be removed by name. */
  noteVersion(reply: AwsReply): void {
    const version = reply.headers['x-amz-version-id'];
    if (version !== undefined && version !== 'null') this.versionIds.add(version);
  }

  get keepsVersions(): boolean {
    return this.versionIds.size > 0;
  }

  get newestVersion(): string | undefined {
    return [...this.versionIds].at(-1);
  }

  /** Removes the test object and every version of it that is known. Throws when the store does not let us. */
  async purge(signal: AbortSignal): Promise<void> {
    if (this.versionIds.size === 0) return accept(await this.probe.delete(this.key, signal));
    for (const version of this.versionIds) {
      accept(await this.probe.delete(this.key, signal, version));
      this.versionIds.delete(version);
    }
  }
}

function accept(reply: AwsReply): void {
  if (reply.ok || reply.errorCode === 'NoSuchKey' || reply.errorCode === 'NoSuchVersion') return;
  throw new StorageError('forbidden', { provider: 's3', operation: 'delete', detail: `HTTP ${reply.status}` });
}
