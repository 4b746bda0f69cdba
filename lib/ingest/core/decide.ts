import type { Finding, Kind, SourceFormat } from '@/lib/ingest/types.ts';
import type { CoreOptions, Decision, RecordBatch } from './contract.ts';
import { isMessages } from './conversation.ts';
import { Draft } from './draft.ts';
import { Findings, mergeFindings } from './findings.ts';
import type { FormatReader } from './formats/format.ts';
import { FormatFinder } from './formats/format-finder.ts';
import { K } from './keys.ts';
import { prepareFields } from './prepare.ts';
import type { RecordContext } from './record.ts';
import { RecordReader } from './record-reader.ts';
import { describeKeys } from './unrecognised.ts';

/** Records that decide what a file is. */
export const SAMPLE_RECORDS = 1000;

interface Tally {
  records: number;
  firstLine: number;
  formats: Map<SourceFormat, number>;
  /** Records whose sides are lists of messages. */
  conversational: number;
  /** Conversations whose last message is to be answered. */
  open: number;
}

/** Decides kind and format from the first records of a file. */
export function decide(
  sample: readonly RecordBatch[],
  options: CoreOptions,
): { decision: Decision } | { findings: Finding[] } {
  const sampler = new Sampler(options);
  for (const batch of sample) if (!sampler.add(batch)) break;
  return sampler.decide();
}

class Sampler {
  private readonly reader: RecordReader;
  private readonly record: RecordContext;
  private readonly finder: FormatFinder;
  private readonly draft = new Draft();
  private readonly kinds = new Map<Kind, Tally>();
  private seen = 0;
  private findings: Finding[] = [];

  constructor(options: CoreOptions) {
    this.reader = new RecordReader(options);
    this.record = this.reader.record;
    this.finder = new FormatFinder(options.format);
  }

  /** False when enough records have been seen. */
  add(batch: RecordBatch): boolean {
    const findings = this.reader.load(batch);
    while (this.seen + this.reader.sourceRecords < SAMPLE_RECORDS && this.reader.next()) this.look();
    this.seen += this.reader.sourceRecords;
    this.findings = mergeFindings(this.findings, findings.list);
    return this.seen < SAMPLE_RECORDS;
  }

  private look(): void {
    const { record } = this;
    prepareFields(record, this.draft);
    const found = this.finder.find(record, this.draft);
    if (found === undefined) {
      const { keys, hint } = describeKeys(record);
      record.reportWithHint('E_SCHEMA_UNRECOGNISED', record.root, { keys }, hint);
    } else if (this.finder.chosen !== undefined && found.format !== this.finder.chosen) {
      record.report('E_FORMAT_MISMATCH', record.root, { chosen: this.finder.chosen, found: found.format });
    } else {
      this.tally(found);
    }
  }

  private tally(reader: FormatReader): void {
    let tally = this.kinds.get(reader.kind);
    if (tally === undefined) {
      tally = { records: 0, firstLine: this.record.line, formats: new Map(), conversational: 0, open: 0 };
      this.kinds.set(reader.kind, tally);
    }
    tally.records++;
    tally.formats.set(reader.format, (tally.formats.get(reader.format) ?? 0) + 1);
    if (isConversational(this.record, reader)) tally.conversational++;
    if (reader.endsOpen?.(this.record) === true) tally.open++;
  }

  decide(): { decision: Decision } | { findings: Finding[] } {
    this.settlePrompts();
    const ranked = [...this.kinds].sort((a, b) => b[1].records - a[1].records || a[1].firstLine - b[1].firstLine);
    const best = ranked[0];
    if (best === undefined) return { findings: this.findings.length > 0 ? this.findings : [noRecords()] };
    const [kind, tally] = best;
    const [format] = [...tally.formats].reduce((most, next) => (next[1] > most[1] ? next : most));
    const style = tally.conversational > 0 ? 'conversational' : STYLED.has(kind) ? 'string' : null;
    const decision: Decision = {
      kind,
      primaryFormat: format,
      style,
      promptOnly: tally.open > 0,
      firstLine: tally.firstLine,
    };
    return { decision };
  }

  /** When no conversation has its answer, they are prompts. Otherwise the open ones are faults of single records. */
  private settlePrompts(): void {
    const conversations = this.kinds.get('messages');
    if (conversations === undefined) return;
    if (conversations.open < conversations.records) {
      conversations.open = 0;
      return;
    }
    this.kinds.delete('messages');
    const prompts = this.kinds.get('prompt_only');
    this.kinds.set('prompt_only', prompts === undefined ? conversations : joined(prompts, conversations));
  }
}

/** Kinds whose texts may be strings or lists of messages. */
const STYLED: ReadonlySet<Kind> = new Set(['prompt_completion', 'preference', 'unpaired', 'prompt_only']);
const SIDES = [K.prompt, K.completion, K.chosen, K.rejected] as const;

function isConversational(record: RecordContext, reader: FormatReader): boolean {
  if (reader.kind === 'messages') return true;
  return STYLED.has(reader.kind) && SIDES.some((key) => isMessages(record.tape, record.field(key)));
}

function joined(a: Tally, b: Tally): Tally {
  const formats = new Map(a.formats);
  for (const [format, records] of b.formats) formats.set(format, (formats.get(format) ?? 0) + records);
  return {
    records: a.records + b.records,
    firstLine: Math.min(a.firstLine, b.firstLine),
    formats,
    conversational: a.conversational + b.conversational,
    open: a.open + b.open,
  };
}

function noRecords(): Finding {
  const findings = new Findings();
  findings.add('E_NO_RECORDS', { line: null, record: null, path: null, excerpt: null }, {});
  return { ...(findings.list[0] as Finding), severity: 'fatal' };
}
