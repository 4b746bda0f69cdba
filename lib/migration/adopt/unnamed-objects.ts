import { sql } from 'drizzle-orm';
import type { Executor } from '@/lib/db/database.ts';
import type { ListedObject } from '@/lib/migration/adopt/compare.ts';
import { isManifestKey } from '@/lib/placement/manifest-key.ts';

/** An upload of the old application stores its object first and its row afterwards. */
const SETTLED_AFTER_MS = 60 * 60 * 1000;

/** Of objects that no row named when it was passed: those that nothing explains. */
export async function unexplained(
  executor: Executor,
  objects: readonly ListedObject[],
  context: { migrated: boolean; now: Date },
): Promise<ListedObject[]> {
  const settledBefore = context.now.getTime() - SETTLED_AFTER_MS;
  const odd = objects.filter(
    ({ key, lastModified }) => !isHousekeeping(key) && (lastModified?.getTime() ?? 0) < settledBefore,
  );
  if (odd.length === 0) return [];
  const keys = JSON.stringify(odd.map(({ key }) => key));
  const known = context.migrated ? knownToLongshore(keys) : sql`false`;
  const { rows } = await executor.execute<{ key: string }>(sql`
    select key from jsonb_array_elements_text(${keys}::jsonb) as k(key)
    where not exists (select 1 from public.training_datasets t where t.storage_path = key) and not ${known}`);
  const left = new Set(rows.map((row) => row.key));
  return odd.filter(({ key }) => left.has(key));
}

function knownToLongshore(keys: string) {
  const list = sql`(select jsonb_array_elements_text(${keys}::jsonb))`;
  return sql`(key in (select object_key from longshore.dataset_replicas where object_key in ${list})
    or key in (select object_key from longshore.tombstones where done_at is null and object_key in ${list}))`;
}

/** What stores and Longshore keep beside datasets. */
function isHousekeeping(key: string): boolean {
  return key.endsWith('/longshore-sentinel') || key.endsWith('.emptyFolderPlaceholder') || isManifestKey(key);
}
