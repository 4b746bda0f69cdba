/** The words that ingest shares with the rest of the system. Plain data only: every value survives JSON and postMessage. */

export const KINDS = [
  'messages',
  'prompt_completion',
  'text',
  'preference',
  'unpaired',
  'prompt_only',
  'stepwise',
  'scored',
  'classification',
  'tokenized',
  'segments',
] as const;
/** What a dataset became. Every record of a dataset has the same kind. */
export type Kind = (typeof KINDS)[number];

export const SOURCE_FORMATS = [
  'bare_messages',
  'tokenized',
  'openai_preference',
  'stepwise',
  'preference',
  'ranked',
  'kto',
  'gemini',
  'bedrock_converse',
  'messages',
  'sharegpt',
  'swift_pairs',
  'llamafactory_v1',
  'rl_prompt',
  'prompt_completion',
  'scored',
  'prompt_response',
  'self_instruct',
  'alpaca',
  'openorca',
  'query_response',
  'qa',
  'xlam',
  'glaive_raw',
  'template_free',
  'input_output',
  'classification',
  'prompt_only',
  'chatml_text',
  'text',
] as const;
/** What an uploaded record looked like. */
export type SourceFormat = (typeof SOURCE_FORMATS)[number];

/** Plain text, and what of it is a document: a line, a block between blank lines, the whole file. */
export const TEXT_FORMATS = ['raw_text', 'raw_text_paragraphs', 'raw_text_whole'] as const;
export type TextFormat = (typeof TEXT_FORMATS)[number];

/** What a caller may ask for: detection, one source format, or plain text documents. */
export type FormatChoice = 'auto' | TextFormat | SourceFormat;

export function isTextFormat(format: FormatChoice): format is TextFormat {
  return (TEXT_FORMATS as readonly string[]).includes(format);
}

export type Severity = 'fatal' | 'error' | 'warning' | 'info';

/** One thing a person should know about the file. Never contains more of a record than `excerpt`. */
export interface Finding {
  code: string;
  severity: Severity;
  /** 1-based physical line of the decompressed stream; null where lines mean nothing (Parquet, whole file). */
  line: number | null;
  /** 1-based record number in the source; null for findings about the file. */
  record: number | null;
  /** JSON path in the source record, `$.messages[2].content`. */
  path: string | null;
  message: string;
  hint: string | null;
  /** At most 80 code points, control characters escaped. */
  excerpt: string | null;
}

export interface ContainerStep {
  /** gzip, zstd, zip, jsonl, json_array, json_object, json_concatenated, json_wrapper, csv, tsv, txt, parquet */
  type: string;
  detail?: Record<string, string | number | boolean>;
}

/** Any record is readable by one range request: blocks of the object can be inflated alone (raw deflate, full flush). */
export interface BlockIndex {
  version: 1;
  /** Byte offset in the object where block i's raw deflate data starts. One more entry than blocks: the end of the last. */
  objectOffsets: number[];
  /** Byte offset in the normalised JSONL where block i starts. One more entry: the content's size. */
  contentOffsets: number[];
  /** 0-based number of the first record of block i. One more entry: the number of records. */
  firstRecords: number[];
}

export interface Histogram {
  /** Upper bounds, ascending; the last bucket is open. `counts` has one more entry than `bounds`. */
  bounds: number[];
  counts: number[];
}

export interface Distribution {
  min: number;
  p50: number;
  p95: number;
  max: number;
  histogram: Histogram;
}

/** Lengths are Unicode code points unless a name says otherwise. Averages are null for zero examples. */
export interface DatasetStatistics {
  total_examples: number;
  source_records: number;
  avg_input_length: number | null;
  avg_output_length: number | null;
  avg_input_bytes: number | null;
  avg_output_bytes: number | null;
  avg_tools_length: number | null;
  /** The origin's definition (UTF-16 units of user / assistant content), to compare with older rows. */
  avg_user_length: number | null;
  avg_assistant_length: number | null;
  total_length: Distribution | null;
  input_length: Distribution | null;
  output_length: Distribution | null;
  turns: Distribution | null;
  roles: Record<string, number>;
  records_with: { tools: number; images: number; system: number };
  images_total: number;
  labels: Record<string, number>;
  chosen_longer_share: number | null;
  trained_share: number | null;
  /** Approximate above the sketch's size; `exact` says which. */
  duplicates: { count: number; exact: boolean };
  estimated_tokens: { value: number; estimate: true };
  /** Estimated tokens of single records. */
  record_tokens: Distribution | null;
}

export const TARGETS = [
  'openai',
  'azure',
  'together',
  'fireworks',
  'mistral',
  'bedrock-claude',
  'nova',
  'vertex',
  'trl',
  'llamafactory',
  'axolotl',
  'torchtune',
] as const;
/** Services and trainers with rules of their own about what they take. */
export type TargetName = (typeof TARGETS)[number];

/** Whether a target would take the dataset as it is. */
export interface TargetVerdict {
  target: TargetName;
  accepted: boolean;
  /** Codes that the target refuses; W_FEW, W_MANY and E_TARGET_KIND are about the dataset as a whole. */
  refuses: { code: string; count: number }[];
  /** Codes with which the target behaves in a way to know of. W_LONG counts the tokens of the longest record. */
  warns: { code: string; count: number }[];
}

export interface IngestReport {
  /** Format of this report. */
  version: 1;
  outcome: 'accepted' | 'rejected';
  kind: Kind | null;
  /** Source formats found, most frequent first, with record counts. */
  source_formats: { format: SourceFormat; records: number }[];
  style: 'string' | 'conversational' | null;
  container: ContainerStep[];
  /** The hash is null, and the size what was read, where reading ended early: a fatal finding or `scan_stopped`. */
  source: { name: string | null; size_bytes: number; sha256: string | null };
  content: { size_bytes: number; sha256: string } | null;
  object: { size_bytes: number; sha256: string } | null;
  normaliser_version: number;
  records: { source: number; written: number; rejected: number };
  /** At most MAX_FINDINGS, in order of line. */
  findings: Finding[];
  /** All findings counted, the ones not kept included. */
  counts: Record<string, { severity: Severity; count: number }>;
  findings_truncated: boolean;
  /** The scan stopped early because nearly everything was wrong. */
  scan_stopped: boolean;
  statistics: DatasetStatistics | null;
  /** What each training target would make of the dataset. Absent in reports of older versions. */
  targets?: TargetVerdict[];
  options: { format: FormatChoice; on_error: 'fail' | 'skip'; max_error_ratio: number };
}

export const MAX_FINDINGS = 1000;

export interface IngestOptions {
  /** As the client called it; used for CSV/TXT recognition and messages, never as a path. */
  fileName?: string;
  format?: FormatChoice;
  onError?: 'fail' | 'skip';
  /** With onError 'skip': share of source records that may be rejected. 0 to 1. */
  maxErrorRatio?: number;
  /** Source bytes, compressed as they arrive. */
  maxUploadBytes?: number;
  maxRecordBytes?: number;
  gzipLevel?: number;
  /** For a check: false leaves the content's hash out, and `content` in the report null. Default true. */
  hashContent?: boolean;
  /** Where Parquet and zip files wait while they are read; by default the spool's directory or the system's. */
  temporaryDirectory?: string;
  signal?: AbortSignal;
  onProgress?: (progress: { bytesRead: number; records: number }) => void;
}

/** What ingest leaves on disk: a complete, fsynced gzip file that nothing refers to yet. */
export interface SpooledDataset {
  path: string;
  objectSha256: string;
  objectSizeBytes: number;
  contentSha256: string;
  contentSizeBytes: number;
  records: number;
  blockIndex: BlockIndex;
}

export interface IngestResult {
  report: IngestReport;
  /** Undefined exactly when report.outcome is 'rejected' or only a check was asked for. */
  spooled: SpooledDataset | undefined;
}
