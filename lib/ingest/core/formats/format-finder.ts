import { type FormatChoice, isTextFormat, type SourceFormat } from '@/lib/ingest/types.ts';
import type { Draft } from '../draft.ts';
import { foldKeys } from '../fold-keys.ts';
import type { RecordContext } from '../record.ts';
import { TYPE } from '../tape.ts';
import type { FormatReader } from './format.ts';
import { READERS } from './registry.ts';

/** Shapes of records that are remembered; files have few. */
const MAX_SHAPES = 64;

/** The readers that may apply to records with certain keys. */
interface Shape {
  low: number;
  high: number;
  readers: readonly FormatReader[];
}

/** Finds the format of records: the chosen one where a record has its shape, else the first in rank that matches. */
export class FormatFinder {
  /** The format that the caller chose; undefined for detection. */
  readonly chosen: SourceFormat | undefined;
  private readonly shapes: Shape[] = [];
  private readonly keyless = READERS.filter(({ needs, takesKeyless }) => needs === undefined || takesKeyless === true);

  constructor(choice: FormatChoice) {
    this.chosen = choice === 'auto' ? undefined : isTextFormat(choice) ? 'text' : choice;
  }

  /** The record's reader. Where none matches, keys are taken for the known ones that differ in case only. */
  find(record: RecordContext, draft: Draft): FormatReader | undefined {
    const found = this.match(record);
    if (found !== undefined || !foldKeys(record, draft)) return found;
    return this.match(record);
  }

  private match(record: RecordContext): FormatReader | undefined {
    const candidates = this.candidates(record);
    if (this.chosen !== undefined) {
      for (const reader of candidates) if (reader.format === this.chosen && reader.matches(record)) return reader;
    }
    for (const reader of candidates) if (reader.matches(record)) return reader;
    return undefined;
  }

  private candidates(record: RecordContext): readonly FormatReader[] {
    if (record.tape.type(record.root) !== TYPE.object) return this.keyless;
    const { shapeLow, shapeHigh } = record;
    for (const shape of this.shapes) if (shape.low === shapeLow && shape.high === shapeHigh) return shape.readers;
    const readers = READERS.filter(({ needs }) => needs?.every((keys) => keys.some((key) => record.has(key))) === true);
    if (this.shapes.length === MAX_SHAPES) this.shapes.length = 0;
    this.shapes.push({ low: shapeLow, high: shapeHigh, readers });
    return readers;
  }
}
