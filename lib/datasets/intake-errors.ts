import { LongshoreError } from '@/lib/errors.ts';
import type { Finding, IngestReport } from '@/lib/ingest/types.ts';

/** Findings in one answer. The counts are complete. */
const MAX_ERRORS = 100;

/** A file that was judged and not accepted: every fatal finding and error, with where, why and what to do. */
export function datasetInvalid(report: IngestReport): LongshoreError {
  const faults = report.findings.filter(({ severity }) => severity === 'fatal' || severity === 'error');
  const errors = faults.slice(0, MAX_ERRORS).map(({ line, record, path, code, message, hint, excerpt }) => {
    return { line, record, path, code, message, hint, excerpt };
  });
  const [first] = faults;
  const total = Object.values(report.counts)
    .filter(({ severity }) => severity === 'fatal' || severity === 'error')
    .reduce((sum, { count }) => sum + count, 0);
  return new LongshoreError('dataset_invalid', `The file was not accepted: ${verdict(first, total)}`, {
    hint: 'Nothing of it was kept. Mend the places listed and upload it again.',
    details: {
      errors,
      errors_total: total,
      errors_truncated: total > errors.length,
      counts: report.counts,
      records: report.records,
    },
  });
}

function verdict(first: Finding | undefined, total: number): string {
  if (first === undefined) return 'it holds no dataset.';
  const where = first.line === null ? '' : ` on line ${first.line}`;
  if (total === 1) return `${first.message} (${first.code}${where})`;
  return `${total} faults. The first${where}: ${first.message} (${first.code})`;
}

/** The file is read as it arrives: a format that comes after it comes too late. */
export function formatAfterFile(): LongshoreError {
  return new LongshoreError('format_after_file', 'The field `format` came after the file.', {
    hint: 'Send `format` before `file` in the form, or as ?format= in the address.',
  });
}
