import { type AwsCredentials, AwsRequester } from '@/lib/secrets/aws/aws-request.ts';
import { AwsSessions, type PlatformIdentity } from '@/lib/secrets/aws/aws-sessions.ts';
import { StsClient } from '@/lib/secrets/aws/sts.ts';
import { ACCESS_CHECKS } from '@/lib/secrets/doctor/access-checks.ts';
import { AwsDoctorContext } from '@/lib/secrets/doctor/aws-context.ts';
import { Leftovers, runChecks } from '@/lib/secrets/doctor/check-runner.ts';
import { OBJECT_CHECKS } from '@/lib/secrets/doctor/object-checks.ts';
import {
  type CheckResult,
  cleanupResult,
  type DoctorReport,
  statusOfChecks,
  summaryOfChecks,
} from '@/lib/secrets/doctor/report.ts';
import type { HttpSend } from '@/lib/secrets/http-port.ts';
import type { SecretContents } from '@/lib/secrets/secrets.types.ts';

export interface AwsDoctorOptions {
  send: HttpSend;
  now: () => Date;
  platform: PlatformIdentity | undefined;
  /** ALLOW_PRIVATE_ENDPOINTS: stores on the own network often have no certificate. */
  allowPlainHttp: boolean;
  /** For each check. Default 15,000. */
  timeoutMs?: number;
}

export interface ExamineOptions {
  /** Make the bucket when it does not exist. */
  createBucket?: boolean;
  /** Use these instead of keys or role of the content: for the installation's own bucket. */
  credentials?: AwsCredentials;
  signal?: AbortSignal;
}

const CHECK_TIMEOUT_MS = 15_000;
const CLEANUP_TIMEOUT_MS = 10_000;

/**
 * Tries with the given credentials everything that Longshore will ever do in the bucket, on one tiny object under the
 * user's own prefix, and takes it away again whatever happens.
 */
export class AwsDoctor {
  private readonly options: AwsDoctorOptions;

  constructor(options: AwsDoctorOptions) {
    this.options = options;
  }

  /** Rejects only when `signal` aborts or on a bug: everything else is a finding. */
  async examine(content: SecretContents['aws'], userId: string, options: ExamineOptions = {}): Promise<DoctorReport> {
    const startedMs = this.options.now().getTime();
    const leftovers = new Leftovers();
    const context = this.contextOf(content, userId, leftovers, options);
    const checks = await this.checksOf(context, leftovers, options.signal);
    return {
      subject: 'aws',
      status: statusOfChecks(checks),
      summary: summaryOfChecks(checks),
      checks,
      suggestions: context.suggestions,
      started_at: new Date(startedMs).toISOString(),
      duration_ms: this.options.now().getTime() - startedMs,
    };
  }

  private async checksOf(
    context: AwsDoctorContext,
    leftovers: Leftovers,
    signal: AbortSignal | undefined,
  ): Promise<CheckResult[]> {
    const timeoutMs = this.options.timeoutMs ?? CHECK_TIMEOUT_MS;
    const nowMs = () => this.options.now().getTime();
    let checks: CheckResult[] = [];
    let cleanup: CheckResult | undefined;
    try {
      checks = await runChecks([...ACCESS_CHECKS, ...OBJECT_CHECKS], context, { timeoutMs, signal, nowMs });
    } finally {
      const startedMs = nowMs();
      cleanup = cleanupResult(await leftovers.removeAll(CLEANUP_TIMEOUT_MS), nowMs() - startedMs);
    }
    return [...checks, cleanup];
  }

  private contextOf(content: SecretContents['aws'], userId: string, leftovers: Leftovers, options: ExamineOptions) {
    const { send, now, platform, allowPlainHttp } = this.options;
    let clockOffsetMs = 0;
    const storeTime = () => new Date(now().getTime() + clockOffsetMs);
    const requester = new AwsRequester({ send, now: storeTime });
    const sts = new StsClient(requester);
    return new AwsDoctorContext({
      content,
      userId,
      requester,
      sts,
      sessions: new AwsSessions({ sts, now: storeTime, platform }),
      setClockOffset: (offsetMs) => {
        clockOffsetMs = offsetMs;
      },
      nowMs: () => now().getTime(),
      leftovers,
      createBucket: options.createBucket === true,
      credentials: options.credentials,
      allowPlainHttp,
    });
  }
}
