import { and, countDistinct, eq, isNull, sql } from 'drizzle-orm';
import { secrets, trainingDatasets } from '@/lib/db/schema.ts';
import type { AwsCredentials } from '@/lib/secrets/aws/aws-request.ts';
import type { AwsDoctor } from '@/lib/secrets/doctor/aws-doctor.ts';
import { Leftovers, runChecks } from '@/lib/secrets/doctor/check-runner.ts';
import { INSTALLATION_CHECKS, type InstallationParts } from '@/lib/secrets/doctor/installation-checks.ts';
import {
  type CheckResult,
  cleanupResult,
  type DoctorReport,
  statusOfChecks,
  summaryOfChecks,
} from '@/lib/secrets/doctor/report.ts';

/** The bucket of the installation itself (S3_BUCKET). */
export interface PlatformBucket {
  bucket: string;
  region: string;
  endpoint: string | undefined;
  credentials(): Promise<AwsCredentials>;
}

export interface InstallationDoctorOptions extends InstallationParts {
  platformBucket: PlatformBucket | undefined;
  bucketDoctor: AwsDoctor;
  now: () => Date;
  /** For each check. Default 15,000. */
  timeoutMs?: number;
}

export interface PhaseOutlook {
  phase: 'base_only' | 'dual_write' | 'hybrid_read' | 's3_primary';
  possible: boolean;
  reason: string;
}

/** What there is, as far as the rows tell: what a move to S3 would have to copy. */
export interface DataVolume {
  datasets: number;
  bytes: number;
  /** Rows from before Longshore whose size nobody noted. */
  datasets_of_unknown_size: number;
  users_with_datasets: number;
  users_with_bucket: number;
}

export interface InstallationReport extends DoctorReport {
  /** Null without S3_BUCKET. */
  platform_bucket: DoctorReport | null;
  data: DataVolume | null;
  phases: PhaseOutlook[];
}

const CHECK_TIMEOUT_MS = 15_000;
const CLEANUP_TIMEOUT_MS = 10_000;

/** Examines the installation itself, and says how far towards S3 it can go today (the plan's phase 0). */
export class InstallationDoctor {
  private readonly options: InstallationDoctorOptions;

  constructor(options: InstallationDoctorOptions) {
    this.options = options;
  }

  async examine(signal?: AbortSignal): Promise<InstallationReport> {
    const startedMs = this.nowMs();
    const checks = await this.checks(signal);
    const platform_bucket = await this.examinePlatformBucket(signal);
    const works = (id: string) => checks.some((check) => check.id === id && check.status === 'ok');
    const data = works('database') ? await this.volume() : null;
    const all = platform_bucket === null ? checks : [...checks, asCheck(platform_bucket)];
    return {
      subject: 'installation',
      status: statusOfChecks(all),
      summary: summaryOfChecks(all),
      checks: all,
      suggestions: {},
      started_at: new Date(startedMs).toISOString(),
      duration_ms: this.nowMs() - startedMs,
      platform_bucket,
      data,
      phases: outlook({ baseWorks: works('base_store'), platformWorks: platform_bucket?.status === 'ok', data }),
    };
  }

  private nowMs(): number {
    return this.options.now().getTime();
  }

  private async checks(signal: AbortSignal | undefined): Promise<CheckResult[]> {
    const leftovers = new Leftovers();
    const nowMs = () => this.nowMs();
    const context = { ...this.options, leftovers, nowMs };
    const timeoutMs = this.options.timeoutMs ?? CHECK_TIMEOUT_MS;
    let checks: CheckResult[] = [];
    let remaining: string[] = [];
    try {
      checks = await runChecks(INSTALLATION_CHECKS, context, { timeoutMs, signal, nowMs });
    } finally {
      remaining = await leftovers.removeAll(CLEANUP_TIMEOUT_MS);
    }
    return remaining.length === 0 ? checks : [...checks, cleanupResult(remaining, 0)];
  }

  /** The installation's own bucket alone; null without one. */
  async examinePlatformBucket(signal?: AbortSignal): Promise<DoctorReport | null> {
    const place = this.options.platformBucket;
    if (place === undefined) return null;
    const { bucket, region, endpoint } = place;
    const aws = { s3_bucket: bucket, region, endpoint, external_id: '' };
    const credentials = await place.credentials();
    return this.options.bucketDoctor.examine({ metadata: { aws } }, 'longshore-doctor', { signal, credentials });
  }

  private async volume(): Promise<DataVolume> {
    const { db } = this.options.database;
    const [found] = await db
      .select({
        datasets: sql<number>`count(*)::int`,
        bytes: sql<string>`coalesce(sum(${trainingDatasets.fileSizeBytes}), 0)::text`,
        unknown: sql<number>`count(*) filter (where ${trainingDatasets.fileSizeBytes} is null)::int`,
        users: countDistinct(trainingDatasets.userId),
      })
      .from(trainingDatasets)
      .where(isNull(trainingDatasets.deletedAt));
    const [withBucket] = await db
      .select({ users: countDistinct(secrets.userId) })
      .from(secrets)
      .where(and(eq(secrets.provider, 'aws'), eq(secrets.state, 'active')));
    return {
      datasets: found?.datasets ?? 0,
      bytes: Number(found?.bytes ?? 0),
      datasets_of_unknown_size: found?.unknown ?? 0,
      users_with_datasets: found?.users ?? 0,
      users_with_bucket: withBucket?.users ?? 0,
    };
  }
}

function asCheck(report: DoctorReport): CheckResult {
  const { status, summary: message, duration_ms } = report;
  const common = { id: 'platform_bucket', title: 'Platform bucket', required: false, message, duration_ms };
  if (status === 'ok') return { ...common, status: 'ok' };
  const code = status === 'inconclusive' ? 'unavailable' : 'platform_bucket_failed';
  return {
    ...common,
    status: 'failed',
    code,
    remedy: 'See platform_bucket in this report for each step and its remedy.',
  };
}

interface Findings {
  baseWorks: boolean;
  platformWorks: boolean;
  data: DataVolume | null;
}

function outlook(findings: Findings): PhaseOutlook[] {
  const base = {
    phase: 'base_only',
    possible: findings.baseWorks,
    reason: findings.baseWorks ? 'The base store works.' : 'Mend the base store first.',
  } as const;
  const dual = dualWrite(findings);
  const later = dual.possible
    ? 'Decided by its gates, once dual_write holds: longshore phase --check'
    : 'Comes after dual_write.';
  const after = (['hybrid_read', 's3_primary'] as const).map((phase) => ({ phase, possible: false, reason: later }));
  return [base, dual, ...after];
}

function dualWrite({ baseWorks, platformWorks, data }: Findings): PhaseOutlook {
  const users = data?.users_with_bucket ?? 0;
  const phase = 'dual_write' as const;
  if (!baseWorks) return { phase, possible: false, reason: 'Mend the base store first.' };
  if (platformWorks)
    return { phase, possible: true, reason: 'The platform bucket works, for every user without an own one.' };
  if (users > 0)
    return {
      phase,
      possible: true,
      reason: `${users} user${users === 1 ? ' has' : 's have'} a bucket that passed its test.`,
    };
  return {
    phase,
    possible: false,
    reason: 'No bucket: set S3_BUCKET, or let a user store an AWS secret that passes its test.',
  };
}
