import { sql } from 'drizzle-orm';
import { type Database, openDatabase } from '@/lib/db/database.ts';

/** Words that names and descriptions are made of. One in a thousand datasets is about whales. */
const SUBJECTS = [
  'support chats',
  'booking agent',
  'manual pages',
  'mail routing',
  'answer pairs',
  'night shift notes',
];
const KINDS = ['messages', 'messages', 'messages', 'preference', 'text', 'classification'];

/** The store in S3 that holds second copies, and how many datasets there are to one that has such a copy. */
export interface SecondCopies {
  endpoint: string | null;
  bucket: string;
  every: number;
}

const ONE_IN_TEN: SecondCopies = { endpoint: null, bucket: 'objects', every: 10 };

/**
 * Datasets as a grown installation has them: names, kinds, sizes and times spread, each with a copy in the filesystem
 * store that was read back, some with a second one in S3, all of one user. There are no objects: where a phase wants a
 * copy in S3 of every dataset, `every` has to be 1, or a server tries for ever to write those that lack.
 */
export async function fillInstallation(dataDir: string, datasets: number, second?: SecondCopies): Promise<void> {
  const database = await openDatabase({ dataDir });
  await fillDatabase(database.db, datasets, second);
  await database.close();
}

export async function fillDatabase(db: Database, datasets: number, second = ONE_IN_TEN): Promise<void> {
  await db.execute(sql`
    insert into public.training_datasets
      (id, user_id, name, description, format, kind, file_size_bytes, total_examples, storage_path, storage_provider,
       object_sha256, content_sha256, metadata, created_at)
    select 'filled-' || n, 'local',
      case when n % 1000 = 7 then 'Whale songs' else ${wordOf(SUBJECTS, 'n')} end || ' ' || n, 'words about ' || md5(n::text),
      'messages', ${wordOf(KINDS, '(n / 7)')}, 1000 + n::bigint * 7919 % 90000000, 10 + n::bigint * 104729 % 500000,
      'local/private/filled-' || n, 'filesystem', md5(n::text), md5(n::text), '{}', now() - make_interval(secs => n)
    from generate_series(1, ${datasets}) n`);
  for (const { provider, endpoint, bucket, every } of [
    { provider: 'filesystem', endpoint: null, bucket: 'objects', every: 1 },
    { provider: 's3', ...second },
  ]) {
    await db.execute(sql`
      insert into longshore.dataset_replicas
        (id, dataset_id, user_id, provider, endpoint, bucket, object_key, state, size_bytes, object_sha256, completed_at, verified_at)
      select ${provider} || '-' || n, 'filled-' || n, 'local', ${provider}, ${endpoint}::text, ${bucket}, 'local/private/filled-' || n,
        'completed', 1000, md5(n::text), now(), now()
      from generate_series(1, ${datasets}) n where n % ${every} = 0`);
  }
  await db.execute(sql`analyze`);
}

function wordOf(words: readonly string[], of: string) {
  const list = words.map((word) => `'${word}'`).join(', ');
  return sql.raw(`(array[${list}])[1 + ${of} % ${words.length}]`);
}
