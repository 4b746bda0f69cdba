import type { Config } from '@/lib/config/config.ts';
import type { DatabaseHandle } from '@/lib/db/database.ts';
import { AwsDoctor } from '@/lib/secrets/doctor/aws-doctor.ts';
import { InstallationDoctor, type PlatformBucket } from '@/lib/secrets/doctor/installation-doctor.ts';
import type { HttpSend } from '@/lib/secrets/http-port.ts';
import type { Secrets } from '@/lib/secrets/secrets.ts';
import type { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import { HttpClient } from '@/lib/storage/http-client.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';

export interface DoctorGround {
  config: Config;
  database: DatabaseHandle;
  secrets: Pick<Secrets, 'rotation'>;
  baseStore: StorageService;
  /** For addresses that the operator set: PUBLIC_URL, the platform's bucket. */
  operatorGuard: EndpointGuard;
}

export function composeInstallationDoctor(ground: DoctorGround): InstallationDoctor {
  const { config, database, secrets, baseStore, operatorGuard } = ground;
  const client = new HttpClient(operatorGuard, { provider: 's3', operation: 'probe' });
  const send: HttpSend = (call) => client.send(call);
  const now = () => new Date();
  return new InstallationDoctor({
    ...{ database, rotation: secrets.rotation, baseStore, now, sendToSelf: send },
    dataDir: config.dataDir,
    diskReserveBytes: config.limits.diskReserveBytes,
    publicUrl: config.publicUrl,
    platformBucket: platformBucket(config),
    bucketDoctor: new AwsDoctor({ send, now, platform: undefined, allowPlainHttp: true }),
  });
}

/** Without keys in the environment the machine's own role reaches the bucket, which the doctor cannot borrow. */
function platformBucket({ platformBucket: place }: Config): PlatformBucket | undefined {
  if (place?.credentials === undefined) return undefined;
  const { bucket, region, endpoint, credentials } = place;
  return { bucket, region, endpoint: endpoint?.origin, credentials: async () => credentials };
}
