import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { ingestToSpool } from '@/lib/ingest/ingest.ts';
import type { IngestPool } from '@/lib/ingest/pool/ingest-pool.ts';
import type { FormatChoice, IngestOptions, IngestReport, IngestResult } from '@/lib/ingest/types.ts';
import { inChunks } from '@/tests/support/chunks.ts';
import type { FuzzCase } from './fuzz-case.ts';

const PAGE = new URL('../../docs/formats.md', import.meta.url);

/** The codes that docs/formats.md explains; T_ codes are for targets and never listed. */
export function documentedCodes(): ReadonlySet<string> {
  return new Set(Array.from(readFileSync(PAGE, 'utf8').matchAll(/`([EWI]_[A-Z0-9_]+)`/g), ([, code]) => code ?? ''));
}

/** Runs one case through ingest and throws when a promise is broken. Answers whether the file was accepted. */
export async function judge(fuzzed: FuzzCase, pool: IngestPool, codes: ReadonlySet<string>): Promise<boolean> {
  const directory = await mkdtemp(join(tmpdir(), 'longshore-fuzz-'));
  try {
    const { bytes, chunkSizes, ...options } = fuzzed;
    const result = await ingest(bytes, { ...options, maxErrorRatio: 1 }, { chunkSizes, directory, pool });
    expectKnownCodes(result.report, codes);
    if (result.spooled === undefined) {
      expect((await readdir(directory)).length === 0, 'a rejected file left something behind');
      return false;
    }
    const format = options.format === 'auto' ? 'auto' : formatOfKind(result.report.kind);
    await expectCanonical(await readFile(result.spooled.path), result, { directory, pool, format });
    return true;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/**
 * Where somebody said what a file is, its fields may say something else: a ranking read as prompts keeps its answers as
 * they are. Its output is what it is under the same choice only.
 */
function formatOfKind(kind: IngestReport['kind']): FormatChoice {
  if (kind === 'unpaired') return 'kto';
  return kind === 'segments' ? 'template_free' : (kind ?? 'auto');
}

interface Place {
  /** How its own output is to be read. */
  format?: FormatChoice;
  directory: string;
  pool: IngestPool;
  chunkSizes?: readonly number[];
}

function ingest(bytes: Buffer, options: IngestOptions, { directory, pool, chunkSizes }: Place): Promise<IngestResult> {
  return ingestToSpool(inChunks(bytes, chunkSizes ?? [65_536]), { directory }, options, pool);
}

function expect(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}

function expectKnownCodes({ counts, findings }: IngestReport, codes: ReadonlySet<string>): void {
  const unknown = [...Object.keys(counts), ...findings.map(({ code }) => code)].find(
    (code) => !code.startsWith('T_') && !codes.has(code),
  );
  expect(unknown === undefined, `the code ${unknown} is not in docs/formats.md`);
}

/** What was accepted is valid, counted right, and comes out of ingest again as it is. */
async function expectCanonical(object: Buffer, { report, spooled }: IngestResult, place: Place): Promise<void> {
  const content = gunzipSync(object);
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content);
  expect(text.endsWith('\n') && !/[\r\u2028\u2029]/.test(text), 'the content is not in lines');
  const lines = text.slice(0, -1).split('\n');
  for (const line of lines) expect(typeof JSON.parse(line) === 'object', 'a record is no object');
  expect(lines.length === report.records.written && lines.length === spooled?.records, 'the count is wrong');
  const again = await ingest(content, { fileName: 'again.jsonl', format: place.format ?? 'auto' }, place);
  expect(again.report.outcome === 'accepted', `its own output is refused: ${JSON.stringify(again.report.findings[0])}`);
  expect(again.report.kind === report.kind, `its own output is ${again.report.kind} instead of ${report.kind}`);
  expect(again.spooled?.contentSha256 === spooled?.contentSha256, 'normalising twice changes the content');
}
