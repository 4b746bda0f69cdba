import type { BatchResult, CoreOptions, Decision, RecordBatch } from '@/lib/ingest/core/contract.ts';
import {
  createBatchProcessor,
  decide,
  emptyStatistics,
  finishStatistics,
  mergeStatistics,
} from '@/lib/ingest/core/index.ts';
import type { DatasetStatistics, Finding } from '@/lib/ingest/types.ts';

export const CORE_OPTIONS: CoreOptions = { format: 'auto', maxRecordBytes: 32 << 20 };

export interface CoreRun {
  /** Undefined when nothing could be decided. */
  decision: Decision | undefined;
  /** Canonical JSONL. */
  text: string;
  /** The canonical records, parsed. */
  records: unknown[];
  findings: Finding[];
  /** How often each code was found. */
  counts: Record<string, number>;
  written: number;
  sourceRecords: number;
  rejected: number;
  formats: BatchResult['formats'];
  results: BatchResult[];
  statistics: DatasetStatistics | undefined;
}

/** Decides and processes batches as the frame does, on one thread. */
export function runCore(batches: RecordBatch | readonly RecordBatch[], options: Partial<CoreOptions> = {}): CoreRun {
  const all: readonly RecordBatch[] = 'bytes' in batches ? [batches] : batches;
  const chosen = { ...CORE_OPTIONS, ...options };
  const decided = decide(all, chosen);
  if ('findings' in decided) return undecided(decided.findings);
  const process = createBatchProcessor(decided.decision, chosen);
  const results = all.map((batch) => keep(process(batch)));
  const total = (name: 'written' | 'sourceRecords' | 'rejected') =>
    results.reduce((sum, result) => sum + result[name], 0);
  const text = results.map(({ content }) => new TextDecoder().decode(content)).join('');
  const stats = results.reduce((sum, result) => mergeStatistics(sum, result.stats), emptyStatistics());
  const [written, sourceRecords] = [total('written'), total('sourceRecords')];
  const duplicates = { count: 0, exact: true };
  return {
    decision: decided.decision,
    text,
    records: text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
    findings: results.flatMap(({ findings }) => findings),
    counts: addUp(results),
    written,
    sourceRecords,
    rejected: total('rejected'),
    formats: results[0]?.formats ?? {},
    results,
    statistics: finishStatistics(stats, { kind: decided.decision.kind, sourceRecords, written, duplicates }),
  };
}

/** The processor writes its next content over this one. */
function keep(result: BatchResult): BatchResult {
  return { ...result, content: result.content.slice() };
}

function addUp(results: readonly BatchResult[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const result of results) {
    for (const [code, { count }] of Object.entries(result.counts)) counts[code] = (counts[code] ?? 0) + count;
  }
  return counts;
}

function undecided(findings: Finding[]): CoreRun {
  const counts: Record<string, number> = {};
  for (const { code } of findings) counts[code] = (counts[code] ?? 0) + 1;
  return {
    decision: undefined,
    text: '',
    records: [],
    findings,
    counts,
    written: 0,
    sourceRecords: 0,
    rejected: 0,
    formats: {},
    results: [],
    statistics: undefined,
  };
}
