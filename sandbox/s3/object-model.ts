import type { Segment } from '@/sandbox/data-files.ts';
import type { ChecksumAlgorithm } from './checksums.ts';
import type { PolicyDocument } from './policy.ts';

export type Checksums = Partial<Record<ChecksumAlgorithm, string>>;
export type ChecksumType = 'FULL_OBJECT' | 'COMPOSITE';

/** What a client may say about an object besides its bytes. */
export interface ObjectAttributes {
  contentType: string;
  /** cache-control, content-disposition, content-encoding, content-language, expires */
  contentHeaders: Record<string, string>;
  /** Without the x-amz-meta- prefix. */
  metadata: Record<string, string>;
  tags: Record<string, string>;
  /** Headers echoed: x-amz-server-side-encryption and its key id. */
  encryption: Record<string, string>;
  storageClass: string;
}

export interface ObjectVersion extends ObjectAttributes {
  key: string;
  /** `null` in buckets without versioning. */
  versionId: string;
  isDeleteMarker: boolean;
  sizeBytes: number;
  /** Without quotes. */
  etag: string;
  /** Milliseconds since the epoch, whole seconds. */
  lastModified: number;
  segments: Segment[];
  checksums: Checksums;
  checksumType: ChecksumType;
  /** Grows with each version of the bucket: the order of versions, also after a restart. */
  sequence: number;
}

export interface UploadedPart {
  number: number;
  segment: Segment;
  etag: string;
  lastModified: number;
  checksums: Checksums;
}

export interface MultipartUpload {
  uploadId: string;
  key: string;
  initiated: number;
  initiatorArn: string;
  attributes: ObjectAttributes;
  checksumAlgorithm: ChecksumAlgorithm | undefined;
  checksumType: ChecksumType;
  parts: Map<number, UploadedPart>;
}

export interface PublicAccessBlock {
  BlockPublicAcls: boolean;
  IgnorePublicAcls: boolean;
  BlockPublicPolicy: boolean;
  RestrictPublicBuckets: boolean;
}

export interface BucketSettings {
  name: string;
  region: string;
  /** Twelve digits. */
  ownerAccountId: string;
  createdAt: number;
  versioning: 'Enabled' | 'Suspended' | undefined;
  publicAccessBlock: PublicAccessBlock | undefined;
  policy: PolicyDocument | undefined;
}
