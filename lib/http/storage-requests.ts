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
