import { and, asc, eq, isNull, or, sql } from 'drizzle-orm';
import { datasetNotFound } from '@/lib/datasets/dataset.ts';
import { guardId } from '@/lib/datasets/dataset-repository.ts';
import { datasetUploading } from '@/lib/datasets/reader-errors.ts';
import type { Database } from '@/lib/db/database.ts';
import { currentPhase, datasetReplicas, phases, secrets, trainingDatasets } from '@/lib/db/schema.ts';
import type { Phase } from '@/lib/placement/phase.ts';
import type { ReachableReplica } from '@/lib/placement/replica.ts';

const T = trainingDatasets;

/** All that decides which copy of a dataset is signed, as of one moment. */
export interface ServedDataset {
  id: string;
  name: string;
  phase: Phase;
  replicas: ServedReplica[];
}

/** A copy, and whether the credentials that reach it are the ones in use: replaced ones may end at any time. */
export type ServedReplica = ReachableReplica & { inDoubt: boolean };

/** Asked with every download URL: one statement, made once, and where the database keeps it also planned once. */
export class ServedDatasets {
  readonly #byId: ReturnType<typeof queryOf>;
  readonly #byPath: ReturnType<typeof queryOf>;

  constructor(db: Database, keepsStatements = false) {
    this.#byId = queryOf(db, 'id', keepsStatements);
    this.#byPath = queryOf(db, 'path', keepsStatements);
  }

  /** @throws dataset_not_found, dataset_uploading */
  async find(request: { userId: string } & ({ datasetId: string } | { storagePath: string })): Promise<ServedDataset> {
    const { userId } = request;
    const rows = await guardId(() =>
      'datasetId' in request
        ? this.#byId.execute({ userId, named: request.datasetId })
        : this.#byPath.execute({ userId, named: request.storagePath }),
    );
    const [first] = rows;
    if (first === undefined) throw datasetNotFound();
    if (first.status !== 'ready') throw datasetUploading();
    const { id, name, phase } = first;
    return { id, name, phase, replicas: rows.flatMap((row) => (row.id === id ? copyOf(row) : [])) };
  }
}

const R = datasetReplicas;

/** A column less is a column less to send, to parse and to map, with every URL. */
const REACHED = {
  id: R.id,
  userId: R.userId,
  provider: R.provider,
  endpoint: R.endpoint,
  region: R.region,
  bucket: R.bucket,
  objectKey: R.objectKey,
  generation: R.generation,
  versionId: R.versionId,
  secretId: R.secretId,
  state: R.state,
  attempt: R.attempt,
  preferred: R.preferred,
  sizeBytes: R.sizeBytes,
  verifiedAt: R.verifiedAt,
};

function queryOf(db: Database, by: 'id' | 'path', keepsStatements: boolean) {
  const named = by === 'id' ? eq(T.id, sql.placeholder('named')) : storedAt();
  return (
    db
      .select({
        id: sql<string>`${T.id}::text`,
        name: T.name,
        status: T.status,
        phase: phases.phase,
        replica: REACHED,
        secretState: secrets.state,
      })
      .from(T)
      .innerJoin(currentPhase, sql`true`)
      .innerJoin(phases, eq(phases.id, currentPhase.phaseId))
      .leftJoin(datasetReplicas, eq(datasetReplicas.datasetId, sql`${T.id}::text`))
      .leftJoin(secrets, eq(secrets.id, datasetReplicas.secretId))
      .where(and(named, eq(T.userId, sql.placeholder('userId')), isNull(T.deletedAt)))
      .orderBy(asc(T.id))
      // Without a name it is no prepared statement of the server.
      .prepare(keepsStatements ? `served_dataset_by_${by}` : '')
  );
}

/** By the old column, or by the key of any of its copies. */
function storedAt() {
  const path = sql.placeholder('named');
  return or(
    eq(T.storagePath, path),
    sql`exists (select 1 from ${datasetReplicas} r where r.dataset_id = ${T.id}::text and r.object_key = ${path})`,
  );
}

function copyOf({
  replica,
  secretState,
}: {
  replica: ReachableReplica | null;
  secretState: string | null;
}): ServedReplica[] {
  if (replica === null) return [];
  return [{ ...replica, inDoubt: replica.secretId !== null && secretState !== 'active' }];
}
