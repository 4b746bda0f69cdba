import type { Finding, IngestReport } from './types.ts';

/**
 * A report's findings as lines that people and editors can act on: `file:line  path  message`, two spaces between, the
 * hint behind. What a place lacks is left out. The last line says how many are not shown.
 */
export function formatFindings(report: IngestReport, fileName: string): string[] {
  const lines = report.findings.map((found) => formatFinding(found, fileName));
  const hidden = totalOf(report) - report.findings.length;
  if (hidden > 0) lines.push(`${fileName}  ${hidden} more findings are counted but not listed`);
  if (report.scan_stopped) lines.push(`${fileName}  scan stopped: the rest of the file was not read`);
  return lines;
}

export function formatFinding(found: Finding, fileName: string): string {
  const parts = [placeOf(found, fileName)];
  if (found.path !== null) parts.push(found.path);
  parts.push(`${found.severity} ${found.code}: ${found.message}${found.hint === null ? '' : ` ${found.hint}`}`);
  return parts.join('  ');
}

function placeOf({ line, record }: Finding, fileName: string): string {
  if (line !== null) return `${fileName}:${line}`;
  return record === null ? fileName : `${fileName} record ${record}`;
}

function totalOf(report: IngestReport): number {
  return Object.values(report.counts).reduce((sum, { count }) => sum + count, 0);
}
