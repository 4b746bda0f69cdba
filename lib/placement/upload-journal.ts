import type { Replica } from '@/lib/placement/replica.ts';
import type { ReplicaRepository } from '@/lib/placement/replica-repository.ts';
import type { UploadJournal, UploadState } from '@/lib/storage/storage-service.ts';

/**
 * The journal of an unfinished upload lives in the replica's row, so that another process can go on with it or give it
 * up. A process whose attempt is over cannot write it any more.
 */
export function replicaJournal(replicas: ReplicaRepository, replica: Replica): UploadJournal {
  return {
    load: async () => (replica.uploadState as UploadState | null) ?? undefined,
    save: (state) => replicas.saveUploadState(replica, state),
    clear: () => replicas.saveUploadState(replica, null),
  };
}
