import { sql } from 'drizzle-orm';
import type { Transaction } from '../session.ts';

/**
 * Rows that speak of processes, and of what was known of the stores, are true of the instant of the backup only:
 *
 * - Nobody holds a lease: what was running is queued again, and half-done uploads wait for whoever owns their files.
 * - No copy counts as read back: objects may have been removed since. The scrub looks at them first.
 * - Nobody is signed in to the page. API keys are as they were, those included that were revoked since.
 */
export async function settleRestored(tx: Transaction): Promise<void> {
  await tx.execute(sql`
    update longshore.jobs set
      state = case when cancel_requested then 'cancelled' else 'queued' end,
      finished_at = case when cancel_requested then now() end,
      lease_owner = null, lease_until = null, run_at = now(), fence = fence + 1, run_again = false
    where state = 'running'`);
  await tx.execute(sql`update longshore.spools set lease_until = least(lease_until, now())`);
  await tx.execute(sql`update longshore.uploads set lease_owner = null, lease_until = null`);
  await tx.execute(sql`delete from longshore.idempotency_keys where status_code is null and dataset_id is null`);
  await tx.execute(sql`update longshore.idempotency_keys set lease_owner = null, lease_until = null`);
  await tx.execute(sql`update longshore.dataset_replicas set verified_at = null where verified_at is not null`);
  await tx.execute(sql`delete from longshore.sessions`);
}
