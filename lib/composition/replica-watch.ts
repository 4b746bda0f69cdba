import type { AuditLog } from '@/lib/accounts/audit-log.ts';
import { manifestJob } from '@/lib/datasets/job-types.ts';
import type { EventHub } from '@/lib/http/events.ts';
import type { JobSink } from '@/lib/placement/job-types.ts';
import { getsManifestAtOnce } from '@/lib/placement/manifest-key.ts';
import type { ReplicaWatch } from '@/lib/placement/replica-verifier.ts';

/**
 * What follows when a copy was read back: damage is told to the owner's page at once and to the audit log for good; a
 * copy that proves itself for the first time gets its manifest beside it.
 */
export function composeReplicaWatch(ground: { audit: AuditLog; events: EventHub; jobs: JobSink }): ReplicaWatch {
  const { audit, events, jobs } = ground;
  return {
    damaged: async ({ id, userId, datasetId, provider, bucket, objectKey }, verdict) => {
      await audit.write({
        ...{ userId, actor: 'system', action: `replica.${verdict}`, subject: datasetId },
        details: { replica_id: id, provider, bucket, key: objectKey },
      });
      events.publish(userId, { topic: 'dataset', type: 'damaged', subject: datasetId, data: { provider, verdict } });
    },
    proved: async ({ id, userId, datasetId, provider }) => {
      if (!getsManifestAtOnce(provider)) await jobs.enqueue(manifestJob({ id, userId }));
      events.publish(userId, { topic: 'dataset', type: 'updated', subject: datasetId });
    },
  };
}
