/** One thing that was looked at before money is spent. */
export interface PreflightCheck {
  /** Stable, and the code of the refusal when it failed. */
  code: string;
  title: string;
  /** failed: the job could not work. warning: it may, and somebody should know. */
  status: 'ok' | 'warning' | 'failed';
  message: string;
  /** What to do; null where nothing is to be done. */
  remedy: string | null;
}

export interface PreflightReport {
  status: PreflightCheck['status'];
  checks: PreflightCheck[];
}

/** Names what is looked at, once; the verdicts follow. */
export function checkOf(code: string, title: string) {
  const made = (status: PreflightCheck['status'], message: string, remedy: string | null): PreflightCheck => {
    return { code, title, status, message, remedy };
  };
  return {
    ok: (message: string) => made('ok', message, null),
    warning: (message: string, remedy: string) => made('warning', message, remedy),
    failed: (message: string, remedy: string) => made('failed', message, remedy),
  };
}

/** The worst of its checks. */
export function reportOf(checks: readonly PreflightCheck[]): PreflightReport {
  const worst = (['failed', 'warning'] as const).find((status) => checks.some((check) => check.status === status));
  return { status: worst ?? 'ok', checks: [...checks] };
}
