import { createHash } from 'node:crypto';
import type { Dataset } from '@/lib/datasets/dataset.ts';
import type { JsonObject } from '@/lib/db/schema.ts';
import { LongshoreError } from '@/lib/errors.ts';
import type { IngestReport } from '@/lib/ingest/types.ts';
import type { JobContext } from '@/lib/jobs/handler.ts';
import { PermanentFailure } from '@/lib/jobs/outcome.ts';
import type { DagPlace, DagWork } from './dag-step.ts';
import type { DatasetStreams } from './dataset-stream.ts';

/** The steps that read the dataset here: what they find goes on with the workflow. */
export class ReadingSteps {
  readonly #streams: DatasetStreams;
  readonly #report: (userId: string, datasetId: string) => Promise<IngestReport | undefined>;

  constructor(parts: {
    streams: DatasetStreams;
    report: (userId: string, datasetId: string) => Promise<IngestReport | undefined>;
  }) {
    this.#streams = parts.streams;
    this.#report = parts.report;
  }

  /** Measures the records, and divides them into what is trained on and what is held out. */
  async preprocessing(work: DagWork<'preprocessing'>, context: JobContext): Promise<JsonObject> {
    const { validation_share: share, seed } = work.step;
    const measures = { records: 0, bytes: 0, smallest: Number.POSITIVE_INFINITY, largest: 0, held_out: 0 };
    const dataset = await this.#each(work, context, (line, index) => {
      measures.records += 1;
      measures.bytes += line.byteLength;
      measures.smallest = Math.min(measures.smallest, line.byteLength);
      measures.largest = Math.max(measures.largest, line.byteLength);
      if (isHeldOut(seed, index, share)) measures.held_out += 1;
    });
    const { records, bytes, smallest, largest, held_out } = measures;
    return {
      ...facts(dataset),
      records,
      record_bytes: { smallest: records === 0 ? 0 : smallest, largest, mean: records === 0 ? 0 : bytes / records },
      split: { seed, validation_share: share, training: records - held_out, validation: held_out },
    };
  }

  /** Reads every record back, and asks whether the trainer takes the whole. */
  async validation(work: DagWork<'validation'>, context: JobContext): Promise<JsonObject> {
    const wrong: number[] = [];
    let records = 0;
    const dataset = await this.#each(work, context, (line, index) => {
      records += 1;
      if (!isRecord(line) && wrong.length < MAX_TOLD) wrong.push(index + 1);
    });
    if (wrong.length > 0) throw invalid(`Lines ${wrong.join(', ')} are not JSON objects.`);
    const { totalExamples } = dataset;
    if (totalExamples !== null && totalExamples !== records) {
      throw invalid(`It has ${records} records, and ${totalExamples} were stored.`);
    }
    const { trainer } = work.step;
    const verdicts = (await this.#report(work.userId, dataset.id))?.targets;
    const refusing = verdicts?.find(({ target, accepted }) => target === trainer && !accepted);
    if (refusing !== undefined) throw invalid(`${trainer} refuses it (${codesOf(refusing.refuses)}).`);
    return { ...facts(dataset), records, trainer: trainer ?? null };
  }

  async #each(work: DagPlace, context: JobContext, see: (line: Buffer, index: number) => void): Promise<Dataset> {
    const dataset = await this.#streams.find(work.userId, work.payload.dataset);
    let index = 0;
    for await (const line of this.#streams.records(dataset, work.userId, context.signal)) {
      see(line, index);
      index += 1;
      if (index % 10_000 === 0) context.progress({ records: index });
    }
    return dataset;
  }
}

const MAX_TOLD = 10;

/** The same records for the same seed, whatever else is in the dataset. */
export function isHeldOut(seed: number, index: number, share: number): boolean {
  const digest = createHash('sha256').update(`${seed}:${index}`).digest();
  return digest.readUInt32BE(0) < share * 2 ** 32;
}

function isRecord(line: Buffer): boolean {
  try {
    const value: unknown = JSON.parse(line.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

function facts(dataset: Dataset): JsonObject {
  return { dataset_id: dataset.id, kind: dataset.kind, content_sha256: dataset.contentSha256 };
}

function codesOf(refuses: readonly { code: string }[]): string {
  return refuses.map(({ code }) => code).join(', ');
}

function invalid(what: string): PermanentFailure {
  return new PermanentFailure(
    new LongshoreError('dataset_not_valid', `The dataset cannot be trained on. ${what}`, {
      hint: 'See GET /api/training/dataset/{id}/report, mend the records, and upload them again.',
    }),
  );
}
