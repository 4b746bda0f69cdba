/**
 * What a store that speaks S3 really keeps of it. A feature that is missing is not used; a feature that is claimed but
 * ignored (If-None-Match on some stores) is as good as missing.
 */
export interface S3Profile {
  name: S3ProfileName;
  /** Bucket in the path instead of the host name. */
  pathStyle: boolean;
  /** `If-None-Match: *` is honoured on PutObject and CompleteMultipartUpload. */
  conditionalPut: boolean;
  /** `x-amz-checksum-sha256` is checked and kept. Without it the signed payload hash still protects the way there. */
  checksumSha256: boolean;
  /** ListObjectVersions exists. */
  versions: boolean;
  /** Query-string signatures are accepted. */
  presign: boolean;
}

export type S3ProfileName = 'aws' | 'r2' | 'minio' | 'ceph' | 'swift' | 'b2' | 'supabase' | 'runpod' | 'generic';

const PROFILES: Record<S3ProfileName, Omit<S3Profile, 'name'>> = {
  aws: { pathStyle: false, conditionalPut: true, checksumSha256: true, versions: true, presign: true },
  r2: { pathStyle: true, conditionalPut: true, checksumSha256: false, versions: false, presign: true },
  minio: { pathStyle: true, conditionalPut: true, checksumSha256: true, versions: true, presign: true },
  ceph: { pathStyle: true, conditionalPut: false, checksumSha256: false, versions: true, presign: true },
  swift: { pathStyle: true, conditionalPut: false, checksumSha256: false, versions: false, presign: true },
  b2: { pathStyle: true, conditionalPut: false, checksumSha256: false, versions: true, presign: true },
  supabase: { pathStyle: true, conditionalPut: false, checksumSha256: false, versions: false, presign: true },
  runpod: { pathStyle: true, conditionalPut: false, checksumSha256: false, versions: false, presign: false },
  generic: { pathStyle: true, conditionalPut: false, checksumSha256: false, versions: true, presign: true },
};

const HOSTS: readonly [suffix: string, name: S3ProfileName][] = [
  ['.amazonaws.com', 'aws'],
  ['.amazonaws.com.cn', 'aws'],
  ['.r2.cloudflarestorage.com', 'r2'],
  ['.backblazeb2.com', 'b2'],
  ['.supabase.co', 'supabase'],
  ['.runpod.io', 'runpod'],
];

export function s3Profile(name: S3ProfileName): S3Profile {
  return { name, ...PROFILES[name] };
}

/** The profile that an endpoint's host name gives away. */
export function profileOfEndpoint(endpoint: string | undefined): S3Profile {
  if (endpoint === undefined) return s3Profile('aws');
  const host = URL.canParse(endpoint) ? new URL(endpoint).hostname : '';
  const known = HOSTS.find(([suffix]) => host.endsWith(suffix));
  return s3Profile(known?.[1] ?? 'generic');
}

/** The profile that a store's `Server` header gives away; undefined when it says nothing useful. */
export function profileOfServer(server: string | undefined): S3ProfileName | undefined {
  const name = (server ?? '').toLowerCase();
  const found = (['minio', 'ceph', 'cloudflare', 'amazons3'] as const).find((part) => name.includes(part));
  if (found === undefined) return undefined;
  return ({ minio: 'minio', ceph: 'ceph', cloudflare: 'r2', amazons3: 'aws' } as const)[found];
}
