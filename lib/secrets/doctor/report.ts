/**
 * What a doctor found, as the API, the command line and the page show it. The shape is stable: fields are added, never
 * changed. It holds no secret, no signed address and no words of a store, which may repeat key ids.
 */
export type CheckStatus = 'ok' | 'failed' | 'skipped';

export interface CheckResult {
  /** Stable: `put`, `bucket`, ... */
  id: string;
  title: string;
  status: CheckStatus;
  /** False: a failure is advice and does not fail the whole. */
  required: boolean;
  message: string;
  /** Why it failed, for programs: `access_denied`, `wrong_region`, `unavailable`, ... */
  code?: string;
  /** The permission that is missing, exactly: `s3:PutObject`. */
  action?: string;
  /** What to do. */
  remedy?: string;
  duration_ms: number;
}

/** inconclusive: something could not be reached, so nothing is known against the credentials. */
export type ReportStatus = 'ok' | 'failed' | 'inconclusive';

export interface DoctorReport {
  subject: string;
  status: ReportStatus;
  /** One sentence. */
  summary: string;
  checks: CheckResult[];
  /** Values that would mend what failed, e.g. the region that the bucket is really in. */
  suggestions: DoctorSuggestions;
  started_at: string;
  duration_ms: number;
}

export interface DoctorSuggestions {
  region?: string;
  /** The bucket does not exist and can be made: repeat with `create_bucket: true`. */
  create_bucket?: boolean;
  username?: string;
}

/** Failures that say nothing about what was tested, only that it could not be reached. */
const INCONCLUSIVE: ReadonlySet<string | undefined> = new Set(['unavailable', 'timeout', 'rate_limited']);

export function statusOfChecks(checks: readonly CheckResult[]): ReportStatus {
  const failed = checks.filter((check) => check.required && check.status === 'failed');
  if (failed.length === 0) return 'ok';
  return failed.every((check) => INCONCLUSIVE.has(check.code)) ? 'inconclusive' : 'failed';
}

export function summaryOfChecks(checks: readonly CheckResult[]): string {
  const failed = checks.filter((check) => check.status === 'failed');
  const first = failed.find((check) => check.required) ?? failed[0];
  if (first === undefined) return 'Everything that was tested works.';
  if (!first.required) return `Usable. One thing to look at: ${first.message}`;
  const more = failed.length > 1 ? ` (${failed.length - 1} more)` : '';
  return `${first.title}: ${first.message}${more}`;
}

/** The last check of every doctor that makes something: that it is gone again. */
export function cleanupResult(remaining: readonly string[], durationMs: number): CheckResult {
  const common = { id: 'cleanup', title: 'Cleanup', required: false, duration_ms: durationMs };
  if (remaining.length === 0) return { ...common, status: 'ok', message: 'Nothing of the test is left.' };
  return {
    ...common,
    status: 'failed',
    code: 'left_behind',
    message: `The test could not remove: ${remaining.join(', ')}.`,
    remedy: 'Remove it by hand once, after mending the permissions above.',
  };
}
