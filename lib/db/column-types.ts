import { sql } from 'drizzle-orm';
import { bigint, customType, pgSchema } from 'drizzle-orm/pg-core';

const ZONE = /(?:[zZ]|[+-]\d\d(?::?\d\d)?)$/;

/**
 * A point in time, to the millisecond, as a Date.
 *
 * A column without a zone (in tables from before Longshore) is read as UTC whatever the zone of this process, and values
 * are sent with their offset, so that neither the session's nor the process's time zone can shift them.
 */
export const instant = customType<{ data: Date; driverData: string }>({
  dataType: () => 'timestamp (3) with time zone',
  fromDriver: (value) => parseInstant(value),
  toDriver: (value) => value.toISOString(),
});

/** Reads what PostgreSQL prints for a timestamp: `2026-01-02 03:04:05.678+00`, or without the offset. */
export function parseInstant(text: string): Date {
  const iso = text.replace(' ', 'T');
  if (!ZONE.test(text.slice(10))) return new Date(`${iso}Z`);
  return new Date(/[+-]\d\d$/.test(iso.slice(10)) ? `${iso}:00` : iso);
}

/** Raw bytes. */
export const bytea = customType<{ data: Uint8Array; driverData: Buffer }>({
  dataType: () => 'bytea',
  toDriver: (value) => Buffer.from(value.buffer, value.byteOffset, value.byteLength),
});

/** Everything of Longshore's own; PostgREST does not expose it. */
export const longshore = pgSchema('longshore');

export const createdAt = () => instant('created_at').notNull().default(sql`now()`);
export const updatedAt = () => instant('updated_at').notNull().default(sql`now()`);
export const bytes = (name: string) => bigint(name, { mode: 'number' });

export type JsonObject = Record<string, unknown>;
export type ProviderName = 's3' | 'supabase' | 'filesystem';
