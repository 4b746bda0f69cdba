import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkSource } from './ingest.ts';
import { IngestPool } from './pool/ingest-pool.ts';
import type { IngestReport } from './types.ts';

/**
 * Real files of other projects. They are not part of this repository: `SAMPLES_DIR` names a folder with them and an
 * INDEX.tsv, whose column `expected` says what a careful reader makes of each: `300 sharegpt->messages`.
 */
const folder = process.env.SAMPLES_DIR ?? '';
const index = join(folder, 'INDEX.tsv');

interface Sample {
  path: string;
  records: number;
  /** Kind by kind, with counts; undefined: in no format that a dataset may have. */
  kinds: Map<string, number>;
  sha256: string;
}

function readIndex(): Sample[] {
  const [header = '', ...rows] = readFileSync(index, 'utf8').trimEnd().split('\n');
  const columns = header.split('\t');
  return rows.map((row) => {
    const cells = row.split('\t');
    const cell = (name: string) => cells[columns.indexOf(name)] ?? '';
    return {
      path: cell('path'),
      records: Number(cell('records')),
      kinds: kindsOf(cell('expected')),
      sha256: cell('sha256'),
    };
  });
}

/** `1 messages->messages; 1 messages->prompt_only`, or `6 unrecognised:keys->None`. */
function kindsOf(expected: string): Map<string, number> {
  const kinds = new Map<string, number>();
  for (const [, count, kind] of expected.matchAll(/(\d+) [^;]*?->(\w+)/g)) {
    if (kind !== undefined && kind !== 'None') kinds.set(kind, (kinds.get(kind) ?? 0) + Number(count));
  }
  return kinds;
}

function describeSamples(): void {
  let pool: IngestPool;
  beforeAll(() => {
    pool = new IngestPool({ threads: 2 });
  });
  afterAll(() => pool.close());

  const check = async (path: string): Promise<IngestReport> =>
    (await checkSource(createReadStream(join(folder, path)), { fileName: path }, pool)).report;

  it.each(readIndex())('$path', async (sample) => {
    const report = await check(sample.path);
    const [[kind] = []] = [...sample.kinds];
    expect(report.records.source).toBe(sample.records);
    expect(
      createHash('sha256')
        .update(readFileSync(join(folder, sample.path)))
        .digest('hex'),
    ).toBe(sample.sha256);
    if (sample.kinds.size === 0) {
      expect([report.kind, Object.keys(report.counts)]).toEqual([
        null,
        expect.arrayContaining(['E_SCHEMA_UNRECOGNISED']),
      ]);
    } else if (sample.kinds.size > 1) {
      expect(report.outcome).toBe('rejected');
    } else {
      expect([report.kind, errorsOf(report)]).toEqual([kind, []]);
    }
  });
}

const errorsOf = (report: IngestReport) =>
  report.findings.filter(({ severity }) => severity === 'error' || severity === 'fatal').slice(0, 3);

if (existsSync(index)) {
  describe('real files', describeSamples);
} else {
  it('real files are not there', () => {
    console.error('samples: SAMPLES_DIR names no folder with an INDEX.tsv, so no real files were read');
  });
}
