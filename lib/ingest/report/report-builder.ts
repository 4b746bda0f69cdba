import { type FramedBatch, lineOfRecord, type ScanLog } from '@/lib/ingest/containers/framed-batch.ts';
import type { BatchResult, Decision, IngestCore, PartialStatistics } from '@/lib/ingest/core/contract.ts';
import { finding } from '@/lib/ingest/fatal-finding.ts';
import type { DatasetStatistics, Finding, IngestReport, SourceFormat } from '@/lib/ingest/types.ts';
import type { Digest } from '@/lib/streams/digest.ts';
import { ConflictSketch } from './conflict-sketch.ts';
import { type Duplicate, DuplicateSketch } from './duplicate-sketch.ts';
import { FindingCollector } from './finding-collector.ts';

/** What the core says about a dataset as a whole. */
type WholeJudge = Omit<IngestCore, 'decide' | 'createBatchProcessor'>;

/** A file that is wrong nearly everywhere is not read to its end. */
const MAX_ERRORS = 10_000;
/** More invalid UTF-8 than this is another encoding, not an accident. */
const MAX_INVALID_UTF8_SHARE = 0.01;

export interface ReportFacts {
  source: IngestReport['source'];
  content: Digest | null;
  object: Digest | null;
  normaliserVersion: number;
}

/** Gathers the results of batches, in source order, into one report, and judges the file by them. */
export class ReportBuilder {
  readonly #core: WholeJudge;
  readonly #options: IngestReport['options'];
  readonly #log: ScanLog;
  readonly #findings = new FindingCollector();
  readonly #duplicates = new DuplicateSketch();
  readonly #conflicts = new ConflictSketch();
  readonly #formats = new Map<SourceFormat, number>();
  #partial: PartialStatistics;
  #decision: Decision | undefined;
  #records = { source: 0, written: 0, rejected: 0 };
  #finished: DatasetStatistics | null = null;
  #undecidable = false;
  #stopped = false;

  constructor(log: ScanLog, core: WholeJudge, options: IngestReport['options']) {
    this.#log = log;
    this.#core = core;
    this.#options = options;
    this.#partial = core.emptyStatistics();
  }

  get records(): number {
    return this.#records.source;
  }

  /** True when the file cannot be accepted any more, whatever follows. */
  get rejected(): boolean {
    if (this.#findings.countOf('fatal') > 0) return true;
    return this.#options.on_error === 'fail' && this.#findings.errors > 0;
  }

  /** True when reading on is of no use. */
  get hopeless(): boolean {
    if (this.#undecidable || this.#stopped) return true;
    if (this.#findings.errors < MAX_ERRORS) return false;
    return this.#options.on_error === 'fail' || this.#errorShare() > this.#options.max_error_ratio;
  }

  decide(decision: Decision): void {
    this.#decision = decision;
  }

  /** Nothing could be decided from the sample: its findings are the verdict. */
  undecided(findings: readonly Finding[], records: { source: number; rejected: number }): void {
    this.#undecidable = true;
    for (const found of findings) this.#findings.add(found);
    this.#records.source += records.source;
    this.#records.rejected += records.rejected;
  }

  /** Reading ended before the end of the file. */
  stop(): void {
    this.#stopped = true;
  }

  fatal(found: Finding): void {
    this.#findings.add(found);
  }

  add(framed: FramedBatch, result: BatchResult | undefined): void {
    this.#records.source += framed.rejected + (result?.sourceRecords ?? 0);
    this.#records.rejected += framed.rejected + (result?.rejected ?? 0);
    this.#records.written += result?.written ?? 0;
    for (const found of framed.findings) this.#findings.count(found.code, { severity: found.severity, count: 1 });
    const found = [...framed.findings, ...(result?.findings ?? [])];
    if (result !== undefined) found.push(...this.#addResult(framed, result));
    found.sort((a, b) => (a.record ?? 0) - (b.record ?? 0));
    for (const one of found) this.#findings.keep(one);
  }

  #addResult(framed: FramedBatch, result: BatchResult): Finding[] {
    for (const [code, count] of Object.entries(result.counts)) this.#findings.count(code, count);
    for (const [format, records] of Object.entries(result.formats) as [SourceFormat, number][]) {
      this.#formats.set(format, (this.#formats.get(format) ?? 0) + records);
    }
    this.#partial = this.#core.mergeStatistics(this.#partial, result.stats);
    return [...this.#findDuplicates(framed, result), ...this.#findConflicts(framed, result)];
  }

  #findDuplicates(framed: FramedBatch, { hashes, recordNumbers }: BatchResult): Finding[] {
    const found: Finding[] = [];
    const first = framed.batch?.firstRecord ?? 0;
    for (let i = 0; i < hashes.length; i++) {
      const duplicate = this.#duplicates.add(hashes[i] ?? 0, recordNumbers?.[i] ?? first + i);
      if (duplicate === undefined || !this.#findings.wants('W_DUPLICATE', 'warning')) continue;
      found.push(repetition(framed, duplicate, DUPLICATE));
    }
    return found;
  }

  #findConflicts(framed: FramedBatch, { questions, answers, recordNumbers }: BatchResult): Finding[] {
    const found: Finding[] = [];
    if (questions === undefined || answers === undefined) return found;
    const first = framed.batch?.firstRecord ?? 0;
    for (let i = 0; i < questions.length; i++) {
      const conflict = this.#conflicts.add(questions[i] ?? 0, answers[i] ?? 0, recordNumbers?.[i] ?? first + i);
      if (conflict === undefined) continue;
      this.#findings.count(CONFLICT.code, { severity: 'warning', count: 1 });
      if (this.#findings.wants(CONFLICT.code, 'warning')) found.push(repetition(framed, conflict, CONFLICT));
    }
    return found;
  }

  /** The verdict over the whole file. MUST be called once, before `build`. */
  judge(): 'accepted' | 'rejected' {
    for (const found of this.#log.findings) this.#findings.add(found);
    const duplicates = this.#duplicates.result().count;
    if (duplicates > 0) this.#findings.count(DUPLICATE.code, { severity: 'warning', count: duplicates });
    this.#judgeStatistics();
    if (!this.rejected) this.#judgeWhole();
    return this.rejected ? 'rejected' : 'accepted';
  }

  #judgeStatistics(): void {
    if (this.#decision === undefined || this.#records.written === 0) return;
    const { kind } = this.#decision;
    this.#finished = this.#core.finishStatistics(this.#partial, {
      kind,
      sourceRecords: this.#records.source,
      written: this.#records.written,
      duplicates: this.#duplicates.result(),
    });
    for (const found of this.#core.datasetFindings(this.#finished, kind)) this.#findings.add(found);
  }

  #judgeWhole(): void {
    const { source, written, rejected } = this.#records;
    const invalidText = this.#findings.countOfCode('E_UTF8');
    if (source === 0) this.fatal(NO_RECORDS);
    else if (invalidText > source * MAX_INVALID_UTF8_SHARE) this.fatal(otherEncoding(invalidText));
    else if (this.#errorShare() > this.#options.max_error_ratio) this.fatal(tooManyErrors(rejected, source));
    else if (written === 0) this.fatal(NO_RECORDS);
  }

  #errorShare(): number {
    return this.#records.source === 0 ? 0 : this.#records.rejected / this.#records.source;
  }

  build(outcome: IngestReport['outcome'], facts: ReportFacts): IngestReport {
    const { findings, counts, truncated } = this.#findings.result();
    return {
      version: 1,
      outcome,
      kind: this.#decision?.kind ?? null,
      source_formats: this.#sourceFormats(),
      style: this.#decision?.style ?? null,
      container: this.#log.container,
      source: this.#stopped ? { ...facts.source, sha256: null } : facts.source,
      content: facts.content && { size_bytes: facts.content.sizeBytes, sha256: facts.content.sha256 },
      object: facts.object && { size_bytes: facts.object.sizeBytes, sha256: facts.object.sha256 },
      normaliser_version: facts.normaliserVersion,
      records: { ...this.#records },
      findings,
      counts,
      findings_truncated: truncated,
      scan_stopped: this.#stopped,
      statistics: this.#finished,
      targets: this.#core.targetVerdicts(counts, this.#finished, this.#decision?.kind ?? null),
      options: this.#options,
    };
  }

  #sourceFormats(): IngestReport['source_formats'] {
    const found = [...this.#formats].map(([format, records]) => ({ format, records }));
    return found.sort((a, b) => b.records - a.records || (a.format < b.format ? -1 : 1));
  }
}

const NO_RECORDS = finding('E_NO_RECORDS', 'fatal', 'The file holds no records.', {
  hint: 'Check that the right file was chosen and that it was downloaded or exported completely.',
});

const DUPLICATE = {
  code: 'W_DUPLICATE',
  says: 'The same as record',
  hint: 'Remove it unless it is meant to weigh double.',
};
const CONFLICT = {
  code: 'W_CONFLICT',
  says: 'Another answer to the same input as in record',
  hint: 'Decide which answer is right and remove the other.',
};

function repetition(framed: FramedBatch, { record, firstRecord }: Duplicate, about: typeof DUPLICATE): Finding {
  const where = { record, line: lineOfRecord(framed, record), hint: about.hint };
  return finding(about.code, 'warning', `${about.says} ${firstRecord}.`, where);
}

function otherEncoding(count: number): Finding {
  return finding('E_UTF8', 'fatal', `${count} records hold invalid UTF-8: the file is in another encoding.`, {
    hint: 'Convert it to UTF-8, for example: iconv -f LATIN1 -t UTF-8 in.jsonl > out.jsonl',
  });
}

function tooManyErrors(rejected: number, source: number): Finding {
  return finding('E_TOO_MANY_ERRORS', 'fatal', `${rejected} of ${source} records cannot be used.`, {
    hint: 'Mend the records listed, or allow a larger max_error_ratio.',
  });
}
