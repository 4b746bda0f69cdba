/**
 * A backup is one gzip file of JSON lines: a manifest, one line a row, and an end with counts and the SHA-256 of all lines
 * before it. Values are the texts that PostgreSQL itself prints and reads, so that nothing is rounded or reinterpreted on
 * the way between databases.
 */
import { LongshoreError } from '@/lib/errors.ts';
import type { SealedKeys } from './key-box.ts';

export const BACKUP_VERSION = 1;

export interface BackupManifest {
  longshore_backup: typeof BACKUP_VERSION;
  created_at: string;
  installation_id: string | null;
  database: 'postgres' | 'embedded';
  /** Applied migrations, by name: a database that lacks one of them cannot take the rows. */
  migrations: string[];
  /** In an order in which rows may be inserted. */
  tables: { name: string; columns: string[] }[];
  /** The master keys that the secrets need; null when the backup was made without them. */
  keys: SealedKeys | null;
}

export interface BackupRow {
  /** Position in the manifest's `tables`. */
  t: number;
  /** In the order of the table's columns. */
  r: (string | null)[];
}

export interface BackupEnd {
  end: { rows: Record<string, number>; sha256: string };
}

export function damaged(why: string, cause?: unknown): LongshoreError {
  return new LongshoreError('backup_damaged', `The backup cannot be used: ${why}.`, {
    hint: 'Nothing was changed. Use another backup.',
    cause,
  });
}
