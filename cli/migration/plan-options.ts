import type { Command } from 'commander';
import { parseBytes } from '@/lib/config/units.ts';
import { LongshoreError } from '@/lib/errors.ts';

export interface PlanFlags {
  user?: string[];
  olderThan?: string;
  newerThan?: string;
  minSize?: string;
  maxSize?: string;
  concurrency?: string;
  bwlimit?: string;
}

const DAY_MS = 86_400_000;

/** Which datasets, and how fast: the same for a plan and for a run that makes its own. */
export function addPlanOptions(command: Command): Command {
  return command
    .option('--user <id...>', 'only datasets of these users')
    .option('--older-than <days>', 'only datasets made longer ago')
    .option('--newer-than <days>', 'only datasets made since')
    .option('--min-size <bytes>', 'only datasets of at least this size, e.g. 1MiB')
    .option('--max-size <bytes>', 'only datasets of at most this size')
    .option('--concurrency <n>', 'objects at a time in each process, at most (default 32)')
    .option('--bwlimit <bytes>', 'bytes a second that each process reads, e.g. 20MB');
}

/** The request body of a plan. @throws usage */
export function planBody(flags: PlanFlags, now = Date.now()): Record<string, unknown> {
  const body = {
    user_ids: flags.user,
    created_before: daysAgo('--older-than', flags.olderThan, now),
    created_after: daysAgo('--newer-than', flags.newerThan, now),
    min_bytes: bytesOf('--min-size', flags.minSize),
    max_bytes: bytesOf('--max-size', flags.maxSize),
    concurrency: numberOf('--concurrency', flags.concurrency),
    bwlimit_bytes_per_second: bytesOf('--bwlimit', flags.bwlimit),
  };
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));
}

function daysAgo(flag: string, text: string | undefined, now: number): string | undefined {
  const days = numberOf(flag, text);
  return days === undefined ? undefined : new Date(now - days * DAY_MS).toISOString();
}

function numberOf(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isFinite(value) && value >= 0 && text.trim() !== '') return value;
  throw new LongshoreError('usage', `${flag} ${text} is not a number.`);
}

function bytesOf(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const bytes = parseBytes(text);
  if (bytes !== undefined) return bytes;
  throw new LongshoreError('usage', `${flag} ${text} is not a number of bytes.`, {
    hint: 'Write it as 500MiB or 20MB.',
  });
}
