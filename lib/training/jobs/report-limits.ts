import { sql } from 'drizzle-orm';
import { LongshoreError } from '@/lib/errors.ts';
import { redactText } from '@/lib/observability/redact.ts';
import type { TrainingJob } from './training-job.ts';
import type { TrainingJobChange } from './training-job-repository.ts';

/** What one job may say. Beyond it logs and metrics are dropped, and a last line says so. */
export interface ReportLimits {
  logBytes: number;
  metricPoints: number;
  /** In any window of `rateWindowMs`; a worker that says more is told to wait. */
  rateBytes: number;
  rateWindowMs: number;
}

export const REPORT_LIMITS: ReportLimits = {
  logBytes: 16 * 1024 * 1024,
  metricPoints: 100_000,
  rateBytes: 4 * 1024 * 1024,
  rateWindowMs: 10_000,
};

/**
 * Counts a report against the rate of the job.
 * @throws reports_too_fast, with the time to wait
 */
export function countRate(job: TrainingJob, sizeBytes: number, now: Date, limits: ReportLimits): TrainingJobChange {
  const sinceMs = job.rateWindowAt === null ? Number.POSITIVE_INFINITY : now.getTime() - job.rateWindowAt.getTime();
  if (sinceMs < 0 || sinceMs >= limits.rateWindowMs) return { rateWindowAt: now, rateBytes: sizeBytes };
  if (job.rateBytes + sizeBytes <= limits.rateBytes) return { rateBytes: job.rateBytes + sizeBytes };
  throw new LongshoreError('reports_too_fast', 'This job says more than is taken in.', {
    hint: 'Wait, and print less.',
    details: { retry_after_seconds: Math.max(1, Math.ceil((limits.rateWindowMs - sinceMs) / 1000)) },
  });
}

/** Text as a JSON column takes it, without what looks like a credential or a signed URL. */
export function safeText(text: string): string {
  return redactText(wellFormed(text));
}

/** PostgreSQL's JSON knows neither NUL nor half a surrogate pair. */
function wellFormed(text: string): string {
  return text.replaceAll('\u0000', '\ufffd').replace(LONE_SURROGATES, '\ufffd');
}

const LONE_SURROGATES = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** Any sign of life also tells how the worker is. */
export const ALIVE: TrainingJobChange = { heartbeatAt: sql`now()` };
