import { z } from 'zod';
import type { ApiKey } from '@/lib/accounts/api-keys.ts';
import type { AuditRecord } from '@/lib/accounts/audit-log.ts';
import type { User } from '@/lib/accounts/users.ts';

/** Users, keys and the audit log as the API shows them. */
const nameField = z.string().trim().min(1).max(100);
const roleField = z.enum(['admin', 'member']);

export const newUserBody = z.strictObject({ name: nameField, role: roleField.default('member') });
export const userChangeBody = z.strictObject({
  name: nameField.optional(),
  role: roleField.optional(),
  disabled: z.boolean().optional(),
});
export const newKeyBody = z.strictObject({
  name: nameField,
  /** ISO 8601; default: never. */
  expires_at: z.iso
    .datetime({ offset: true })
    .transform((text) => new Date(text))
    .refine((date) => date.getTime() > Date.now(), 'must lie in the future')
    .optional(),
});

export const userView = z.object({
  id: z.string(),
  name: z.string(),
  role: roleField,
  created_at: z.string(),
  disabled_at: z.string().nullable(),
});

export const keyView = z.object({
  id: z.string(),
  name: z.string(),
  last_four: z.string(),
  created_at: z.string(),
  last_used_at: z.string().nullable(),
  expires_at: z.string().nullable(),
  revoked_at: z.string().nullable(),
});

/** What of the audit log is wanted. */
export const auditQuery = {
  area: z
    .string()
    .regex(/^[a-z_]{1,40}$/, 'is the word before the point of an action')
    .optional(),
  actor: z.string().min(1).max(200).optional(),
  since: z.iso
    .datetime({ offset: true })
    .transform((text) => new Date(text))
    .optional(),
};

export const auditView = z.object({
  id: z.number(),
  at: z.string(),
  user_id: z.string().nullable(),
  actor: z.string(),
  action: z.string(),
  subject: z.string().nullable(),
  request_id: z.string().nullable(),
  details: z.record(z.string(), z.unknown()).nullable(),
});

export function showUser(user: User): z.infer<typeof userView> {
  const { id, name, role, createdAt, disabledAt } = user;
  return { id, name, role, created_at: createdAt.toISOString(), disabled_at: isoOrNull(disabledAt) };
}

export function showKey(key: ApiKey): z.infer<typeof keyView> {
  return {
    id: key.id,
    name: key.name,
    last_four: key.lastFour,
    created_at: key.createdAt.toISOString(),
    last_used_at: isoOrNull(key.lastUsedAt),
    expires_at: isoOrNull(key.expiresAt),
    revoked_at: isoOrNull(key.revokedAt),
  };
}

export function showAudit(record: AuditRecord): z.infer<typeof auditView> {
  const { id, at, userId, requestId, ...rest } = record;
  return { id, at: at.toISOString(), user_id: userId, request_id: requestId, ...rest };
}

function isoOrNull(date: Date | null): string | null {
  return date === null ? null : date.toISOString();
}
