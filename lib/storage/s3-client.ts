import { S3Client } from '@aws-sdk/client-s3';
import type { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import { awsEndpoint, credentialsOf, DEFAULT_REGION, type S3StoreConfig } from '@/lib/storage/s3-config.ts';
import type { S3Profile } from '@/lib/storage/s3-profile.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

/**
 * An SDK client that does exactly what it is told: no checksums of its own (other stores answer them with errors or keep
 * damaged bytes), no retries (our layer retries), no redirects, nothing read from this machine's AWS files, and every
 * connection through the guard's agents. `expect: 100-continue` is off: the SDK does not wait for it with foreign agents.
 */
export function makeS3Client(config: S3StoreConfig, profile: S3Profile, guard: EndpointGuard): S3Client {
  const region = config.region ?? DEFAULT_REGION;
  return new S3Client({
    region,
    endpoint: endpointOf(config, guard).href,
    forcePathStyle: profile.pathStyle,
    credentials: async () => {
      const { expiresAt, ...keys } = await credentialsOf(config);
      return { ...keys, expiration: expiresAt };
    },
    maxAttempts: 1,
    retryMode: 'standard',
    defaultsMode: 'standard',
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    followRegionRedirects: false,
    disableMultiregionAccessPoints: true,
    disableS3ExpressSessionAuth: true,
    useArnRegion: false,
    useDualstackEndpoint: false,
    useFipsEndpoint: false,
    expectContinueHeader: false,
    userAgentAppId: 'longshore',
    logger: silent,
    requestHandler: {
      httpAgent: guard.httpAgent,
      httpsAgent: guard.httpsAgent,
      connectionTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: 0,
      logger: silent,
    },
  });
}

/** Where requests go. Throws EndpointRefusedError for an endpoint that may not be used. */
export function endpointOf(config: S3StoreConfig, guard: EndpointGuard): URL {
  return guard.parseEndpoint(config.endpoint ?? awsEndpoint(config.region ?? DEFAULT_REGION));
}
