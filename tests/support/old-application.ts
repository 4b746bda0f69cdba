/**
 * The application from before Longshore, as the plan describes it: it knows the old columns and the bucket, nothing else.
 * Its statements are written out here and MUST not be changed to suit Longshore.
 */
import { gzipSync } from 'node:zlib';
import type { StorageClient } from '@supabase/storage-js';
import type pg from 'pg';

export interface OldTable {
  idType: 'text' | 'uuid' | 'character varying(64)';
  timeType: 'timestamp' | 'timestamptz';
  sizeType?: 'bigint' | 'integer';
  /** More columns, as SQL. */
  extra?: string;
  metadata?: 'jsonb' | 'jsonb not null';
}

export async function createOldTable(pool: pg.Pool, table: OldTable): Promise<void> {
  const { idType, timeType, sizeType = 'bigint', extra = '', metadata = 'jsonb' } = table;
  await pool.query(`
    create table public.training_datasets (
      id ${idType} primary key, user_id ${idType} not null, name text not null, description text, format text not null,
      file_size_bytes ${sizeType}, total_examples integer, avg_input_length real, avg_output_length real,
      storage_path ${idType === 'text' || idType === 'uuid' ? 'text' : 'character varying(500)'} not null,
      metadata ${metadata}, created_at ${timeType} default now() ${extra === '' ? '' : `, ${extra}`})`);
}

export interface OldDataset {
  id: string;
  userId: string;
  storagePath?: string;
  sizeBytes?: number | null;
  metadata?: Record<string, unknown>;
}

export interface OldRow {
  id: string;
  storage_path: string;
  metadata: Record<string, unknown> | null;
  [column: string]: unknown;
}

export class OldApplication {
  readonly #pool: pg.Pool;
  readonly #bucket: ReturnType<StorageClient['from']>;

  constructor(pool: pg.Pool, storage: StorageClient, bucket = 'training-datasets') {
    this.#pool = pool;
    this.#bucket = storage.from(bucket);
  }

  /** POST /api/training/dataset of the old application: the object first, then the row. */
  async upload(dataset: OldDataset, object: Uint8Array): Promise<void> {
    await this.store(dataset.storagePath ?? oldPath(dataset), object);
    await this.insert({ sizeBytes: object.byteLength, ...dataset });
  }

  /** An object alone. */
  async store(path: string, object: Uint8Array): Promise<void> {
    const { error } = await this.#bucket.upload(path, object, { contentType: 'application/gzip' });
    if (error) throw error;
  }

  async insert(dataset: OldDataset): Promise<void> {
    const { id, userId, storagePath = oldPath(dataset), sizeBytes = null } = dataset;
    await this.#pool.query(
      `insert into training_datasets (id, user_id, name, description, format, file_size_bytes, total_examples,
         avg_input_length, avg_output_length, storage_path, metadata)
       values ($1, $2, $3, null, 'messages', $4, null, null, null, $5, $6)`,
      [
        id,
        userId,
        `old ${id}`,
        sizeBytes,
        storagePath,
        JSON.stringify(dataset.metadata ?? { original_format: 'messages' }),
      ],
    );
  }

  /** DELETE of the old application: the object, then the row. */
  async delete(userId: string, id: string): Promise<void> {
    const row = await this.find(userId, id);
    if (row === undefined) return;
    await this.#bucket.remove([row.storage_path]);
    await this.#pool.query('delete from training_datasets where id = $1 and user_id = $2', [id, userId]);
  }

  async move(userId: string, id: string, storagePath: string): Promise<void> {
    await this.#pool.query('update training_datasets set storage_path = $3 where id = $1 and user_id = $2', [
      id,
      userId,
      storagePath,
    ]);
  }

  async find(userId: string, id: string): Promise<OldRow | undefined> {
    const { rows } = await this.#pool.query<OldRow>(
      `select id, user_id, name, description, format, file_size_bytes, total_examples, avg_input_length,
         avg_output_length, storage_path, metadata, created_at
       from training_datasets where id = $1 and user_id = $2`,
      [id, userId],
    );
    return rows[0];
  }

  async list(userId: string): Promise<OldRow[]> {
    const { rows } = await this.#pool.query<OldRow>(
      `select id, user_id, name, description, format, file_size_bytes, total_examples, avg_input_length,
         avg_output_length, storage_path, metadata, created_at
       from training_datasets where user_id = $1 order by created_at desc, id`,
      [userId],
    );
    return rows;
  }

  /** What an old training job does: path, signed URL, bytes. */
  async download(userId: string, id: string): Promise<Buffer> {
    const row = await this.find(userId, id);
    if (row === undefined) throw new Error(`the old application has no dataset ${id}`);
    const { data, error } = await this.#bucket.createSignedUrl(row.storage_path, 7200);
    if (error) throw error;
    const response = await fetch(data.signedUrl);
    if (!response.ok) throw new Error(`an old training job got ${response.status} for ${row.storage_path}`);
    return Buffer.from(await response.arrayBuffer());
  }
}

export function oldPath({ id, userId }: { id: string; userId: string }): string {
  return `${userId}/private/${id}.jsonl.gz`;
}

/** A dataset as the old application made it: one gzip member, records as JSON lines. */
export function oldObject(records: number, text = 'Hello'): Buffer {
  const lines = Array.from({ length: records }, (_, at) =>
    JSON.stringify({
      messages: [
        { role: 'user', content: `${text} ${at}` },
        { role: 'assistant', content: `Answer ${at}` },
      ],
    }),
  );
  return gzipSync(`${lines.join('\n')}\n`);
}
