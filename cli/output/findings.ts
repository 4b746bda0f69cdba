import { formatCount } from '@/lib/format.ts';
import { formatFinding } from '@/lib/ingest/format-report.ts';
import type { IngestReport, Severity } from '@/lib/ingest/types.ts';

export const SHOWN_PER_CODE = 10;

/** Worst first: what refuses the file must not drown in what only deserves a look. */
const ORDER: Record<Severity, number> = { fatal: 0, error: 1, warning: 2, info: 3 };

/**
 * A report's findings as lines `file:line  path  message`, worst severity first and in order of the file within it, at
 * most `perCode` of each code; then a line for each code of which more were counted than are shown.
 */
export function findingLines(report: IngestReport, file: string, perCode: number): string[] {
  const shown = new Map<string, number>();
  const chosen = report.findings.filter(({ code }) => {
    const before = shown.get(code) ?? 0;
    if (before < perCode) shown.set(code, before + 1);
    return before < perCode;
  });
  // Array.prototype.sort is stable: the order of the file stays within a severity.
  chosen.sort((a, b) => ORDER[a.severity] - ORDER[b.severity]);
  const more = Object.entries(report.counts)
    .map(([code, { count }]) => ({ code, hidden: count - (shown.get(code) ?? 0) }))
    .filter(({ hidden }) => hidden > 0)
    .map(({ code, hidden }) => `${file}  ${code}: ${formatCount(hidden)} more like this`);
  return [...chosen.map((finding) => formatFinding(finding, file)), ...more];
}
