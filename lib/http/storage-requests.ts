import { z } from 'zod';
import { LongshoreError } from '@/lib/errors.ts';
import type { Principal } from '@/lib/http/principal.ts';

/** Whose copies something is about. */
export const scopeBody = z.object({ scope: z.enum(['mine', 'all']).default('mine') });

/** The user whose copies are meant; undefined: everybody's. @throws admin_required */
export function scopeUser(user: Principal, scope: 'mine' | 'all'): string | undefined {
  if (scope === 'mine') return user.userId;
  if (user.role === 'admin') return undefined;
  throw new LongshoreError('admin_required', 'Only an admin may do this for everybody.', {
    hint: 'Leave the scope out, or ask an admin of Longshore.',
  });
}

const runView = z.object({
  id: z.string(),
  scope: z.enum(['all', 'mine']),
  requested_by: z.string(),
  state: z.enum(['running', 'finished']),
  started_at: z.string(),
  finished_at: z.string().nullable(),
  total_replicas: z.number(),
  total_bytes: z.number(),
  checked_replicas: z.number(),
  checked_bytes: z.number(),
  same: z.number(),
  missing: z.number(),
  corrupt: z.number(),
  errors: z.number(),
});

export const scrubRunView = z.object({ run: runView.nullable() });

export const scrubStatusView = z.object({
  running: runView.nullable(),
  last: runView.nullable(),
  findings: z.array(
    z.object({
      run_id: z.string(),
      dataset_id: z.string(),
      provider: z.string(),
      bucket: z.string(),
      key: z.string(),
      outcome: z.enum(['missing', 'corrupt', 'error']),
      error_code: z.string().nullable(),
      at: z.string(),
    }),
  ),
  coverage: z.object({ replicas: z.number(), never_read: z.number(), oldest_verified_at: z.string().nullable() }),
  settings: z.object({ bytes_per_second: z.number(), interval_seconds: z.number() }),
});

const orphan = z.object({
  store: z.string(),
  provider: z.string(),
  bucket: z.string(),
  key: z.string(),
  kind: z.enum(['object', 'manifest']),
  size_bytes: z.number(),
  last_modified: z.string().nullable(),
  verdict: z.enum(['adoptable', 'restorable', 'deleted', 'stale', 'quarantined']),
  reason: z.enum(['unsigned', 'other_installation', 'wrong_place']).nullable(),
  user_id: z.string(),
  dataset_id: z.string(),
});

export const orphanView = z.object({ orphan });

export const orphanPageView = z.object({
  orphans: z.array(orphan),
  looked_at: z.number(),
  unreachable: z.array(z.object({ store: z.string(), code: z.string() })),
  next_cursor: z.string().nullable(),
});

export const orphanAction = z.object({
  action: z.enum(['adopt', 'remove']),
  store: z.string().min(1).max(1024),
  key: z.string().min(1).max(1024),
  /** Remove it although `longshore rebuild` could give its dataset back. */
  restorable: z.boolean().default(false),
});
