import clsx from 'clsx';
import { CircleAlert, CircleCheck, CircleMinus, CircleX, LoaderCircle } from 'lucide-react';
import type { CheckResult, DoctorReport } from '../shared/api/types.ts';
import { formatAgo, formatMoment } from '../shared/format.ts';

/** What each stage of a test found, what is missing, and how to mend it. `folded`: what is well is shown on request. */
export function TestReport({ report, folded = false }: { report: DoctorReport; folded?: boolean }) {
  const [quiet, told] = folded ? split(report.checks) : [[], report.checks];
  return (
    <div className="flex flex-col gap-3">
      <p className="text-sm">
        <span className={clsx('font-medium', report.status === 'ok' ? 'text-good' : 'text-bad')}>{report.summary}</span>{' '}
        <span className="tabular text-muted" title={formatMoment(report.started_at)}>
          Tested {formatAgo(report.started_at)} in {formatDuration(report.duration_ms)}.
        </span>
      </p>
      <Checks checks={told} />
      {quiet.length > 0 && (
        <details>
          <summary className="cursor-pointer text-sm text-muted hover:text-ink">
            {quiet.length} stages with nothing to remark
          </summary>
          <div className="mt-2">
            <Checks checks={quiet} />
          </div>
        </details>
      )}
    </div>
  );
}

function split(checks: readonly CheckResult[]): [quiet: CheckResult[], told: CheckResult[]] {
  return [checks.filter(({ status }) => status !== 'failed'), checks.filter(({ status }) => status === 'failed')];
}

function Checks({ checks }: { checks: readonly CheckResult[] }) {
  if (checks.length === 0) return null;
  return (
    <ol className="divide-y divide-line rounded-md border border-line text-sm">
      {checks.map((check) => (
        <Check key={check.id} check={check} />
      ))}
    </ol>
  );
}

function Check({ check }: { check: CheckResult }) {
  const { icon: Icon, tone, word } = lookOf(check);
  return (
    <li className="flex gap-2.5 px-3 py-2">
      <Icon className={clsx('mt-0.5 size-4 shrink-0', tone)} aria-label={word} role="img" />
      <div className="min-w-0 flex-1">
        <p className="flex justify-between gap-3">
          <span className="font-medium">{check.title}</span>
          {check.status !== 'skipped' && (
            <span className="tabular text-xs text-muted">{formatDuration(check.duration_ms)}</span>
          )}
        </p>
        <p className="break-words text-muted">{check.message}</p>
        {check.action !== undefined && (
          <p className="mt-1">
            Missing: <code className="text-xs break-all">{check.action}</code>
          </p>
        )}
        {check.remedy !== undefined && <p className="mt-1">{check.remedy}</p>}
      </div>
    </li>
  );
}

/** A failure of what is not required is advice, and looks like it. */
function lookOf({ status, required }: CheckResult): { icon: typeof CircleCheck; tone: string; word: string } {
  if (status === 'ok') return { icon: CircleCheck, tone: 'text-good', word: 'passed' };
  if (status === 'skipped') return { icon: CircleMinus, tone: 'text-muted', word: 'left out' };
  return required
    ? { icon: CircleX, tone: 'text-bad', word: 'failed' }
    : { icon: CircleAlert, tone: 'text-warn', word: 'to look at' };
}

function formatDuration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** While a test runs: what it does, since its answer comes as a whole. */
export function Testing({ what }: { what: string }) {
  return (
    <p role="status" className="flex items-center gap-2 text-sm text-muted">
      <LoaderCircle className="size-4 animate-spin" aria-hidden />
      {what}
    </p>
  );
}
