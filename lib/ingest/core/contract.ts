import type {
  DatasetStatistics,
  Finding,
  FormatChoice,
  Kind,
  Severity,
  SourceFormat,
  TargetVerdict,
} from '@/lib/ingest/types.ts';

/**
 * Between the frame (containers, threads, compression) and the core (parse, detect, validate, normalise, count).
 * The core is pure TypeScript without Node imports: it also runs in the page, in a Web Worker.
 */

/**
 * A run of whole records, in source order. Cut points depend on the content alone, never on how bytes arrived, so that
 * any chunking of the input gives the same output.
 */
export interface RecordBatch {
  bytes: Uint8Array;
  /**
   * lines: one JSON value a line, LF or CRLF, blank lines skipped (JSONL).
   * elements: JSON values separated by commas and white space, the array's brackets removed.
   * values: JSON values separated by white space or nothing (concatenated JSON).
   */
  framing: 'lines' | 'elements' | 'values';
  /** 1-based physical line where `bytes` starts. */
  firstLine: number;
  /** 1-based number of the first record in `bytes`. Unparseable lines count as records, blank ones do not. */
  firstRecord: number;
  /** For records made from rows (CSV, TXT, Parquet): the source line of each record, 0 where lines mean nothing. */
  lines?: Uint32Array;
  /** True where strings came from cells: a string that must be an array or object is parsed as JSON once (warning). */
  cells?: boolean;
}

export interface CoreOptions {
  format: FormatChoice;
  maxRecordBytes: number;
  keepParts?: boolean;
  /** False leaves excerpts of records out of findings, for files that must not be quoted. Default true. */
  excerpts?: boolean;
  /** False leaves I_BLANK_LINES and I_CRLF to the frame, which counts them for the whole file. Default true. */
  lineInfos?: boolean;
}

/** What the first records decided; plain data, sent to every worker thread. */
export interface Decision {
  kind: Kind;
  /** The most frequent source format of the sample, or the user's choice. */
  primaryFormat: SourceFormat;
  style: 'string' | 'conversational' | null;
  /** True when every sampled `messages` record ends with user or tool: the file is prompt_only. */
  promptOnly: boolean;
  /** Source line of the first record of the decided kind, for E_MIXED_KIND messages. */
  firstLine: number;
}

export interface CodeCount {
  severity: Severity;
  count: number;
}

export interface BatchResult {
  /** Canonical JSONL of the accepted records: UTF-8, LF after every record. Valid until the processor's next batch. */
  content: Uint8Array;
  /** Records in `content`. */
  written: number;
  /** Records in the batch, rejected ones included. */
  sourceRecords: number;
  rejected: number;
  /** In source order, at most MAX_FINDINGS. */
  findings: Finding[];
  counts: Record<string, CodeCount>;
  formats: Partial<Record<SourceFormat, number>>;
  /** 53-bit hash of each written record's canonical bytes, for the duplicate sketch. */
  hashes: Float64Array;
  /** Source record number of each written record, aligned with `hashes`; absent when they are consecutive. */
  recordNumbers?: Uint32Array;
  /**
   * Hashes of what each written record asks and of what it answers, aligned with `hashes`: the same question with another
   * answer is W_CONFLICT. Only for classification and question-answer data.
   */
  questions?: Float64Array;
  answers?: Float64Array;
  stats: PartialStatistics;
}

/** Mergeable sums and histograms of one batch: plain JSON. Defined and merged by core/statistics.ts only. */
export type PartialStatistics = Readonly<Record<string, unknown>>;

/** core/index.ts exports these. */
export interface IngestCore {
  /** Decides kind and format from the first records (up to 1,000). Findings are given when nothing can be decided. */
  decide(sample: readonly RecordBatch[], options: CoreOptions): { decision: Decision } | { findings: Finding[] };
  createBatchProcessor(decision: Decision, options: CoreOptions): (batch: RecordBatch) => BatchResult;
  emptyStatistics(): PartialStatistics;
  mergeStatistics(a: PartialStatistics, b: PartialStatistics): PartialStatistics;
  finishStatistics(
    total: PartialStatistics,
    totals: { kind: Kind; sourceRecords: number; written: number; duplicates: { count: number; exact: boolean } },
  ): DatasetStatistics;
  /** What can be said about the dataset as a whole only. */
  datasetFindings(statistics: DatasetStatistics, kind: Kind): Finding[];
  /** What each training target would make of the dataset. */
  targetVerdicts(
    counts: Readonly<Record<string, CodeCount>>,
    statistics: DatasetStatistics | null,
    kind: Kind | null,
  ): TargetVerdict[];
}
