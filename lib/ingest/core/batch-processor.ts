import type { Kind, SourceFormat } from '@/lib/ingest/types.ts';
import { checkConversation } from './check-conversation.ts';
import { checkFields } from './check-fields.ts';
import { checkTexts } from './check-texts.ts';
import type { BatchResult, CoreOptions, Decision, RecordBatch } from './contract.ts';
import { Draft, ROLE } from './draft.ts';
import type { Findings } from './findings.ts';
import type { FormatReader } from './formats/format.ts';
import { FormatFinder } from './formats/format-finder.ts';
import { hashAnswer, hashQuestion } from './hash-texts.ts';
import { K } from './keys.ts';
import { readMedia } from './media-lists.ts';
import { prepareFields } from './prepare.ts';
import type { RecordContext } from './record.ts';
import { RecordReader } from './record-reader.ts';
import { StatisticsCollector } from './statistics.ts';
import { checkDeclared, readTools } from './tools.ts';
import { describeKeys } from './unrecognised.ts';
import { Writer } from './writer.ts';

/** Turns batches into canonical JSONL. One instance a thread: it keeps its buffers between batches. */
export class BatchProcessor {
  private readonly decision: Decision;
  private readonly options: CoreOptions;
  private readonly reader: RecordReader;
  private readonly record: RecordContext;
  private readonly draft = new Draft();
  private readonly writer: Writer;
  private readonly statistics: StatisticsCollector;
  private readonly finder: FormatFinder;
  private formats = new Map<SourceFormat, number>();
  /** Where each written record begins in the output. */
  private starts = new Int32Array(1024);
  private numbers = new Uint32Array(1024);
  private readonly comparesAnswers: boolean;
  private questions = new Float64Array(0);
  private answers = new Float64Array(0);
  private written = 0;

  constructor(decision: Decision, options: CoreOptions) {
    this.decision = decision;
    this.options = options;
    this.reader = new RecordReader(options);
    this.record = this.reader.record;
    this.writer = new Writer(this.record);
    this.statistics = new StatisticsCollector(this.record);
    this.finder = new FormatFinder(options.format);
    this.comparesAnswers = decision.kind === 'classification' || decision.primaryFormat === 'qa';
  }

  process(batch: RecordBatch): BatchResult {
    const findings = this.reader.load(batch);
    this.formats = new Map();
    this.written = 0;
    let rejected = 0;
    while (this.reader.next()) {
      this.processRecord();
      if (this.record.rejected) rejected++;
    }
    return this.result(findings, rejected + this.reader.rejected);
  }

  private processRecord(): void {
    const { record, draft } = this;
    prepareFields(record, draft);
    const reader = this.readerFor();
    if (reader === undefined) return;
    draft.kind = this.decision.kind;
    if (reader.expand !== undefined) {
      reader.expand(record, draft, () => this.emit(reader));
    } else {
      readTools(record, draft);
      reader.read(record, draft);
      this.emit(reader);
    }
    if (!record.rejected) checkTexts(record);
  }

  /** Checks and writes the draft, and clears it. */
  private emit(reader: FormatReader): void {
    const { record, draft } = this;
    if (reader.kind === 'messages' && !record.rejected) this.finishMessages();
    if (!record.rejected) {
      checkDeclared(record, draft);
      checkFields(record, draft, reader.kind === 'messages');
      readMedia(record, draft);
    }
    if (!record.rejected) this.write(reader.format);
    if (reader.expand === undefined) return;
    draft.clear();
    draft.kind = this.decision.kind;
  }

  /** The reader of a record's format, when it leads to the dataset's kind. */
  private readerFor(): FormatReader | undefined {
    const { record, decision } = this;
    const reader = this.finder.find(record, this.draft);
    if (reader === undefined) {
      const { keys, hint } = describeKeys(record);
      record.reportWithHint('E_SCHEMA_UNRECOGNISED', record.root, { keys }, hint);
      return undefined;
    }
    if (this.finder.chosen !== undefined && reader.format !== this.finder.chosen) {
      record.report('E_FORMAT_MISMATCH', record.root, { chosen: this.finder.chosen, found: reader.format });
      return undefined;
    }
    const kind = this.kindOf(reader);
    if (kind !== decision.kind) {
      record.report('E_MIXED_KIND', record.root, { found: kind, kind: decision.kind, line: decision.firstLine });
      return undefined;
    }
    if (reader.format !== decision.primaryFormat) {
      record.report('W_MIXED_SOURCE', record.root, { found: reader.format, main: decision.primaryFormat, kind });
    }
    return reader;
  }

  private kindOf(reader: FormatReader): Kind {
    return reader.kind === 'messages' && this.decision.promptOnly ? 'prompt_only' : reader.kind;
  }

  private finishMessages(): void {
    const { record, draft, decision } = this;
    const side = draft.side(0);
    if (!decision.promptOnly) {
      checkConversation(record, draft, side.from, side.to, 'training');
      return;
    }
    checkConversation(record, draft, side.from, side.to, 'prompt');
    if (side.to > side.from && draft.message(side.to - 1).role === ROLE.assistant) {
      record.report('E_MIXED_KIND', record.root, { found: 'messages', kind: 'prompt_only', line: decision.firstLine });
    }
    side.key = K.prompt;
    draft.asIs = false;
  }

  private write(format: SourceFormat): void {
    const { record, draft } = this;
    const { workspace } = record;
    const start = workspace.output - workspace.outputStart;
    this.writer.write(draft);
    const from = workspace.outputStart + start;
    if (workspace.output - from > this.options.maxRecordBytes) {
      workspace.output = from;
      record.report('E_RECORD_TOO_LARGE', record.root, {
        limit: `${this.options.maxRecordBytes} bytes once normalised`,
      });
      return;
    }
    this.statistics.add(draft);
    this.formats.set(format, (this.formats.get(format) ?? 0) + 1);
    this.note(from);
  }

  /** Keeps what the frame needs to find duplicates. */
  private note(from: number): void {
    const { record, draft } = this;
    const { workspace } = record;
    if (this.written === this.starts.length) {
      this.starts = grown(this.starts, new Int32Array(this.written * 2));
      this.numbers = grown(this.numbers, new Uint32Array(this.written * 2));
    }
    this.starts[this.written] = from - workspace.outputStart;
    this.numbers[this.written] = record.number;
    if (this.comparesAnswers) {
      if (this.written >= this.questions.length) {
        this.questions = grown(this.questions, new Float64Array(this.starts.length));
        this.answers = grown(this.answers, new Float64Array(this.starts.length));
      }
      this.questions[this.written] = hashQuestion(record, draft);
      this.answers[this.written] = hashAnswer(record, draft);
    }
    this.written++;
  }

  private result(findings: Findings, rejected: number): BatchResult {
    const sourceRecords = this.reader.sourceRecords;
    const { workspace } = this.record;
    const hashes = new Float64Array(this.written);
    workspace.hashOutput(this.starts.subarray(0, this.written), hashes);
    const result: BatchResult = {
      content: workspace.takeOutput(),
      written: this.written,
      sourceRecords,
      rejected,
      findings: [...findings.list],
      counts: findings.counts(),
      formats: Object.fromEntries(this.formats),
      hashes,
      stats: this.statistics.take(),
    };
    if (this.comparesAnswers) {
      result.questions = this.questions.slice(0, this.written);
      result.answers = this.answers.slice(0, this.written);
    }
    if (this.written !== sourceRecords) result.recordNumbers = this.numbers.slice(0, this.written);
    return result;
  }
}

function grown<T extends Float64Array | Int32Array | Uint32Array>(from: T, into: T): T {
  into.set(from);
  return into;
}
