import type { CoreOptions, Decision, PartialStatistics, RecordBatch } from '@/lib/ingest/core/contract.ts';
import { core } from '@/lib/ingest/core/index.ts';
import type { Finding, FormatChoice, Kind, SourceFormat } from '@/lib/ingest/types.ts';
import { Framer, framingOf, peek } from './framing.ts';

/** What the browser can say of a file before a byte of it is sent. The server's judgement is the one that counts. */
export interface FileCheck {
  /** unknown: of a format that only the server reads. */
  verdict: 'good' | 'bad' | 'unknown';
  kind: Kind | null;
  /** Most frequent first. */
  formats: { format: SourceFormat; records: number }[];
  records: number;
  rejected: number;
  estimatedTokens: number | null;
  /** Errors first, at most MOST_FINDINGS. */
  findings: Finding[];
  errors: number;
  warnings: number;
  /** False: the beginning alone was looked at. */
  whole: boolean;
}

export interface CheckOptions {
  /** Unpacked bytes after which it is enough. */
  maxBytes?: number;
  maxRecordBytes?: number;
  /** Default: auto. */
  format?: FormatChoice;
  onProgress?: (progress: { records: number; bytes: number }) => void;
}

const PIECE_BYTES = 1 << 20;
const MOST_FINDINGS = 200;
/** Who has so many errors need not be told of more. */
const ENOUGH_ERRORS = 500;
const DEFAULT_MAX_BYTES = 192 << 20;
const DEFAULT_MAX_RECORD_BYTES = 32 << 20;
/** As many records as the server decides by (lib/ingest/ingest-run.ts). */
const SURVEY_RECORDS = 1000;
const SURVEY_BYTES = 8 << 20;

const UNKNOWN: FileCheck = {
  verdict: 'unknown',
  kind: null,
  formats: [],
  records: 0,
  rejected: 0,
  estimatedTokens: null,
  findings: [],
  errors: 0,
  warnings: 0,
  whole: false,
};

/** Reads a file with the engine that the server uses. JSONL and JSON arrays, plain or gzip; the rest is `unknown`. */
export async function checkFile(file: Blob, options: CheckOptions = {}): Promise<FileCheck> {
  const stream = await unpacked(file);
  const { head, complete, whole } = await peek(stream);
  const framing = framingOf(head, complete);
  if (framing === undefined) return UNKNOWN;
  const { format = 'auto', maxRecordBytes = DEFAULT_MAX_RECORD_BYTES } = options;
  const check = new Check({ format, maxRecordBytes });
  const framer = new Framer(framing);
  const limit = options.maxBytes ?? DEFAULT_MAX_BYTES;
  let bytes = 0;
  for await (const chunk of pieces(whole)) {
    const batch = framer.push(chunk);
    bytes += chunk.length;
    if (batch === undefined) continue;
    check.add(batch);
    options.onProgress?.({ records: check.records, bytes });
    if (check.hopeless || bytes >= limit) return check.result(false);
  }
  const last = framer.finish();
  if (last !== undefined) check.add(last);
  if (!framer.closed) check.note(UNCLOSED);
  return check.result(true);
}

/** Some sources give very large chunks: progress and limits want smaller ones. */
async function* pieces(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) yield chunk.subarray(at, at + PIECE_BYTES);
  }
}

const UNCLOSED: Finding = {
  code: 'E_ARRAY_UNCLOSED',
  severity: 'fatal',
  line: null,
  record: null,
  path: null,
  message: 'The JSON array is never closed: the file is cut off.',
  hint: 'Download or export it again and compare its size with the original.',
  excerpt: null,
};

async function unpacked(file: Blob): Promise<ReadableStream<Uint8Array>> {
  const magic = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  const gzipped = magic[0] === 0x1f && magic[1] === 0x8b;
  const stream = file.stream() as ReadableStream<Uint8Array<ArrayBuffer>>;
  return gzipped ? stream.pipeThrough(new DecompressionStream('gzip')) : stream;
}

/** What ingest does with the batches of a file, in one thread and keeping nothing. */
class Check {
  readonly #options: CoreOptions;
  #held: RecordBatch[] = [];
  #heldBytes = 0;
  #decision: Decision | undefined;
  #process: ((batch: RecordBatch) => ReturnType<ReturnType<typeof core.createBatchProcessor>>) | undefined;
  #statistics: PartialStatistics = core.emptyStatistics();
  readonly #formats = new Map<SourceFormat, number>();
  readonly #findings: Finding[] = [];
  #counts = { errors: 0, warnings: 0, written: 0, rejected: 0 };
  records = 0;
  #undecided = false;

  constructor(options: CoreOptions) {
    this.#options = options;
  }

  get hopeless(): boolean {
    return this.#undecided || this.#counts.errors >= ENOUGH_ERRORS;
  }

  add(batch: RecordBatch): void {
    if (this.#undecided) return;
    if (this.#process === undefined) this.#hold(batch);
    else this.#judge(batch);
  }

  #hold(batch: RecordBatch): void {
    this.#held.push(batch);
    this.#heldBytes += batch.bytes.length;
    if (this.#heldBytes >= SURVEY_BYTES || batch.firstRecord > SURVEY_RECORDS) this.#decide();
  }

  note(finding: Finding): void {
    if (this.#findings.length < MOST_FINDINGS) this.#findings.push(finding);
    if (finding.severity === 'fatal' || finding.severity === 'error') this.#counts.errors++;
    else if (finding.severity === 'warning') this.#counts.warnings++;
  }

  #decide(): void {
    const held = this.#held;
    this.#held = [];
    if (held.length === 0) return;
    const outcome = core.decide(held, this.#options);
    if ('findings' in outcome) {
      this.#undecided = true;
      for (const finding of outcome.findings) this.note(finding);
      return;
    }
    this.#decision = outcome.decision;
    this.#process = core.createBatchProcessor(outcome.decision, this.#options);
    for (const batch of held) this.#judge(batch);
  }

  #judge(batch: RecordBatch): void {
    const result = this.#process?.(batch);
    if (result === undefined) return;
    this.records += result.sourceRecords;
    this.#counts.written += result.written;
    this.#counts.rejected += result.rejected;
    for (const { severity, count } of Object.values(result.counts)) {
      if (severity === 'error' || severity === 'fatal') this.#counts.errors += count;
      else if (severity === 'warning') this.#counts.warnings += count;
    }
    const room = MOST_FINDINGS - this.#findings.length;
    this.#findings.push(...result.findings.filter(({ severity }) => severity !== 'info').slice(0, room));
    for (const [format, count] of Object.entries(result.formats) as [SourceFormat, number][]) {
      this.#formats.set(format, (this.#formats.get(format) ?? 0) + count);
    }
    this.#statistics = core.mergeStatistics(this.#statistics, result.stats);
  }

  result(whole: boolean): FileCheck {
    if (this.#process === undefined && !this.#undecided) this.#decide();
    const { errors, warnings, rejected } = this.#counts;
    const formats = [...this.#formats].map(([format, records]) => ({ format, records }));
    return {
      verdict: errors > 0 || this.records === 0 ? 'bad' : 'good',
      kind: this.#decision?.kind ?? null,
      formats: formats.sort((a, b) => b.records - a.records),
      records: this.records,
      rejected,
      estimatedTokens: this.#tokens(),
      findings: [...this.#findings].sort((a, b) => rank(a) - rank(b)),
      errors,
      warnings,
      whole,
    };
  }

  #tokens(): number | null {
    const { written } = this.#counts;
    if (this.#decision === undefined || written === 0) return null;
    const { kind } = this.#decision;
    const totals = { kind, sourceRecords: this.records, written, duplicates: { count: 0, exact: false } };
    return core.finishStatistics(this.#statistics, totals).estimated_tokens.value;
  }
}

function rank({ severity }: Finding): number {
  return severity === 'fatal' || severity === 'error' ? 0 : 1;
}
