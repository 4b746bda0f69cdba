import type { AuditLog } from '@/lib/accounts/audit-log.ts';
import type { EventHub } from '@/lib/http/events.ts';
import type { ReplicaWatch } from '@/lib/placement/replica-verifier.ts';

/** Tells people what reading copies back found: the owner's page at once, the audit log for good. */
export function composeReplicaWatch({ audit, events }: { audit: AuditLog; events: EventHub }): ReplicaWatch {
  return {
    damaged: async ({ id, userId, datasetId, provider, bucket, objectKey }, verdict) => {
      await audit.write({
        ...{ userId, actor: 'system', action: `replica.${verdict}`, subject: datasetId },
        details: { replica_id: id, provider, bucket, key: objectKey },
      });
      events.publish(userId, { topic: 'dataset', type: 'damaged', subject: datasetId, data: { provider, verdict } });
    },
    proved: async ({ userId, datasetId }) => {
      events.publish(userId, { topic: 'dataset', type: 'updated', subject: datasetId });
    },
  };
}
