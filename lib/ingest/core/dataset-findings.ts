import type { DatasetStatistics, Finding, Kind } from '@/lib/ingest/types.ts';
import { Findings } from './findings.ts';

/** What can be said about a dataset as a whole only: call it once, after all batches. */
export function datasetFindings(statistics: DatasetStatistics, kind: Kind): Finding[] {
  const findings = new Findings();
  const labels = Object.keys(statistics.labels);
  const [label] = labels;
  if (kind === 'unpaired' && labels.length === 1 && label !== undefined && statistics.total_examples > 1) {
    findings.add('W_ONE_CLASS', { line: null, record: null, path: null, excerpt: null }, { label });
  }
  return [...findings.list];
}
