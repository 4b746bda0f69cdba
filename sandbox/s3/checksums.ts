import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { type Crc64, crc32c, crc64nvme } from './crc.ts';
import { S3Error } from './s3-error.ts';

export const CHECKSUM_ALGORITHMS = ['crc32', 'crc32c', 'crc64nvme', 'sha1', 'sha256'] as const;
export type ChecksumAlgorithm = (typeof CHECKSUM_ALGORITHMS)[number];

/** As S3 names them in documents: ChecksumCRC64NVME. */
export function checksumElement(algorithm: ChecksumAlgorithm): string {
  return `Checksum${algorithm.toUpperCase()}`;
}

export function checksumHeader(algorithm: ChecksumAlgorithm): string {
  return `x-amz-checksum-${algorithm}`;
}

const SIZES: Record<ChecksumAlgorithm, number> = { crc32: 4, crc32c: 4, crc64nvme: 8, sha1: 20, sha256: 32 };

export function parseAlgorithm(name: string | undefined): ChecksumAlgorithm | undefined {
  if (name === undefined) return undefined;
  const found = CHECKSUM_ALGORITHMS.find((algorithm) => algorithm === name.toLowerCase());
  if (found === undefined) {
    throw new S3Error('InvalidRequest', { message: `Checksum algorithm provided is unsupported.` });
  }
  return found;
}

export interface RunningDigest {
  update(chunk: Buffer): void;
  digest(): Buffer;
}

export function startDigest(algorithm: ChecksumAlgorithm | 'md5'): RunningDigest {
  if (algorithm === 'crc32') return crc32Digest(crc32);
  if (algorithm === 'crc32c') return crc32Digest(crc32c);
  if (algorithm === 'crc64nvme') return crc64Digest();
  const hash = createHash(algorithm);
  return { update: (chunk) => void hash.update(chunk), digest: () => hash.digest() };
}

function crc32Digest(step: (data: Buffer, seed: number) => number): RunningDigest {
  let value = 0;
  return {
    update: (chunk) => {
      value = step(chunk, value);
    },
    digest: () => {
      const out = Buffer.alloc(4);
      out.writeUInt32BE(value);
      return out;
    },
  };
}

function crc64Digest(): RunningDigest {
  let value: Crc64 = { high: 0, low: 0 };
  return {
    update: (chunk) => {
      value = crc64nvme(chunk, value);
    },
    digest: () => {
      const out = Buffer.alloc(8);
      out.writeUInt32BE(value.high);
      out.writeUInt32BE(value.low, 4);
      return out;
    },
  };
}

/** S3 answers InvalidRequest for a value that cannot be a checksum, before it looks at any byte. */
export function assertChecksumValue(algorithm: ChecksumAlgorithm, value: string): void {
  if (Buffer.from(value, 'base64').length !== SIZES[algorithm]) {
    throw new S3Error('InvalidRequest', { message: `Value for ${checksumHeader(algorithm)} header is invalid.` });
  }
}

/** Checksum of checksums for multipart objects: `base64-partCount`. */
export function compositeChecksum(algorithm: ChecksumAlgorithm, parts: string[]): string {
  const digest = startDigest(algorithm);
  for (const part of parts) digest.update(Buffer.from(part, 'base64'));
  return `${digest.digest().toString('base64')}-${parts.length}`;
}
