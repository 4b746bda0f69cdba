import { BatchProcessor } from './batch-processor.ts';
import type { BatchResult, CoreOptions, Decision, IngestCore, RecordBatch } from './contract.ts';
import { datasetFindings } from './dataset-findings.ts';
import { decide } from './decide.ts';
import { emptyStatistics, finishStatistics, mergeStatistics } from './statistics.ts';
import { targetVerdicts } from './targets.ts';

export { datasetFindings, decide, emptyStatistics, finishStatistics, mergeStatistics, targetVerdicts };

/** Raised when the same source would be normalised to other bytes. */
export const NORMALISER_VERSION = 1;

/** A processor for one thread. Batches may come in any order; results do not depend on earlier batches. */
export function createBatchProcessor(decision: Decision, options: CoreOptions): (batch: RecordBatch) => BatchResult {
  const processor = new BatchProcessor(decision, options);
  return (batch) => processor.process(batch);
}

/** Everything above as one value, checked against the contract. */
export const core: IngestCore = {
  decide,
  createBatchProcessor,
  emptyStatistics,
  mergeStatistics,
  finishStatistics,
  datasetFindings,
  targetVerdicts,
};
