import type { trainingDatasets } from '@/lib/db/schema.ts';
import type { IngestReport, Kind } from '@/lib/ingest/types.ts';
import type { FirstReading } from '@/lib/migration/adopt/first-reading.ts';
import type { Problem, ProblemCode } from '@/lib/migration/adopt/problems.ts';

type DatasetRow = typeof trainingDatasets.$inferSelect;

/** What a reading says about the row of its dataset. */
export function columnsFrom(reading: FirstReading) {
  const { object, content, blockIndex, report } = reading;
  const statistics = report?.statistics;
  return {
    objectSha256: object.sha256,
    contentSha256: content?.sha256 ?? null,
    contentSizeBytes: content?.sizeBytes ?? null,
    blockIndex,
    kind: content === null ? null : kindOf(report, content.sha256),
    fileSizeBytes: object.sizeBytes,
    totalExamples: recordsOf(reading),
    avgInputLength: statistics?.avg_input_length ?? null,
    avgOutputLength: statistics?.avg_output_length ?? null,
  };
}

/** Only where the records are already in the form that the kind stands for: they are handed out as they are. */
function kindOf(report: IngestReport | null, contentSha256: string): Kind | null {
  if (report === null || report.kind === null || report.records.rejected > 0) return null;
  const [format, ...others] = report.source_formats;
  const same = report.content?.sha256 === contentSha256;
  const named = others.length === 0 && (format?.format as string | undefined) === report.kind;
  return same || named ? report.kind : null;
}

function recordsOf({ content, lines }: FirstReading): number | null {
  return content === null ? null : lines;
}

/** What is wrong with the object, or with what its row says of it. */
export function problemsOf(row: DatasetRow, objectKey: string, reading: FirstReading): Problem[] {
  const found = [...packingProblems(reading), ...contentProblems(reading), ...rowProblems(row, reading)];
  const { id: dataset_id, userId: user_id } = row;
  return found.map(([code, details]) => ({ code, object_key: objectKey, dataset_id, user_id, details }));
}

type Found = [ProblemCode, Record<string, unknown>];

function packingProblems({ packing, object }: FirstReading): Found[] {
  if (object.sizeBytes === 0) return [['empty_object', {}]];
  return packing === 'gzip' ? [] : [[packing, {}]];
}

function contentProblems({ report, lines }: FirstReading): Found[] {
  if (report === null) return [];
  const codes = Object.entries(report.counts).filter(([code]) => code.startsWith('E_'));
  const errors = Object.fromEntries(codes.map(([code, { count }]) => [code, count]));
  const details = { errors, records: lines };
  if (
    report.container.some(({ type }) => type !== 'jsonl') ||
    report.records.source === 0 ||
    codes.some(([code]) => UNREADABLE.has(code))
  )
    return [['not_jsonl', details]];
  return report.records.written === 0 ? [['unrecognised_records', details]] : [];
}

const UNREADABLE = new Set(['E_JSON_SYNTAX', 'E_UTF8', 'E_RECORD_TYPE', 'E_JSON_DEPTH']);

function rowProblems(row: DatasetRow, reading: FirstReading): Found[] {
  const found: Found[] = [];
  const records = recordsOf(reading);
  if (row.fileSizeBytes !== null && row.fileSizeBytes !== reading.object.sizeBytes)
    found.push(['size_differs', { row_bytes: row.fileSizeBytes, object_bytes: reading.object.sizeBytes }]);
  if (records !== null && row.totalExamples !== null && row.totalExamples !== records)
    found.push(['count_differs', { row_records: row.totalExamples, object_records: records }]);
  return found;
}

/** The report speaks of the object, which the checks saw unpacked. */
export function toldReport(report: IngestReport, { object, content }: FirstReading): IngestReport {
  const told = ({ sizeBytes, sha256 }: { sizeBytes: number; sha256: string }) => ({ size_bytes: sizeBytes, sha256 });
  return {
    ...report,
    container: [{ type: 'gzip' }, ...report.container],
    source: { name: null, ...told(object) },
    content: content === null ? null : told(content),
    object: told(object),
  };
}
