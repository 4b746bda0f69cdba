import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LongshoreError } from '@/lib/errors.ts';
import { digestObject } from '@/lib/streams/digest.ts';
import { inChunks } from '@/tests/support/chunks.ts';
import { tinyDisk } from '@/tests/support/tiny-disk.ts';
import { readRecords } from './block-reader.ts';
import { checkSource, ingestToSpool } from './ingest.ts';
import { IngestPool } from './pool/ingest-pool.ts';
import type { IngestOptions, IngestResult } from './types.ts';

let pool: IngestPool;
let directory: string;

beforeAll(() => {
  pool = new IngestPool({ threads: 2 });
});
afterAll(() => pool.close());
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'longshore-ingest-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** CRC-32 and length at the end of a gzip member. */
const TRAILER_BYTES = 8;
const bytesOf = (input: string | Uint8Array) => (typeof input === 'string' ? Buffer.from(input) : input);

function ingest(
  input: string | Uint8Array,
  options: IngestOptions & { sizes?: readonly number[] } = {},
): Promise<IngestResult> {
  return ingestToSpool(inChunks(bytesOf(input), options.sizes ?? [65_536]), { directory }, options, pool);
}

const filesLeft = () => readdir(directory);

function chat(number: number, words = 20): string {
  const text = Array.from({ length: words }, (_, i) => `word${(number * 31 + i * 17) % 997}`).join(' ');
  return JSON.stringify({
    messages: [
      { role: 'user', content: `Question ${number}: ${text}?` },
      { role: 'assistant', content: `Answer "${number}" – ${text} 😀` },
    ],
  });
}

const chats = (count: number, words?: number) =>
  Array.from({ length: count }, (_, number) => `${chat(number, words)}\n`).join('');

describe('an accepted file', () => {
  it('becomes one gzip member that everybody reads back equal', async () => {
    const text = chats(9000, 40);
    const { spooled, report } = await ingest(text, { fileName: 'chat.jsonl' });
    if (spooled === undefined) throw new Error('not accepted');
    expect(report).toMatchObject({
      outcome: 'accepted',
      kind: 'messages',
      records: { source: 9000, written: 9000, rejected: 0 },
    });
    expect(spooled.blockIndex.objectOffsets.length).toBeGreaterThan(4);
    expect(await filesLeft()).toEqual([spooled.path.slice(directory.length + 1)]);

    const object = await readFile(spooled.path);
    expect(gunzipSync(object).toString()).toBe(text);
    expect(execFileSync('zcat', [spooled.path], { maxBuffer: 1 << 28 }).toString()).toBe(text);
    expect(await throughDecompressionStream(object)).toBe(text);
    const python =
      'import gzip,json,sys; print(sum(len(json.loads(l)["messages"]) for l in gzip.open(sys.argv[1],"rt")))';
    expect(execFileSync('python3', ['-c', python, spooled.path]).toString().trim()).toBe('18000');
    expect(await digestObject(inChunks(object, [65_536]))).toEqual({
      object: { sizeBytes: spooled.objectSizeBytes, sha256: spooled.objectSha256 },
      content: { sizeBytes: spooled.contentSizeBytes, sha256: spooled.contentSha256 },
      records: 9000,
    });
  });

  it('is read at any record by one range request of the blocks that hold it', async () => {
    const { spooled } = await ingest(chats(9000, 40));
    if (spooled === undefined) throw new Error('not accepted');
    const object = await readFile(spooled.path);
    const ranges: number[] = [];
    const read = async (start: number, end: number) => {
      ranges.push(end - start);
      return inChunks(object.subarray(start, end), [1000]);
    };
    for (const offset of [0, 1, 4499, 7777, 8995, 9000, 12_000]) {
      const slice = await readRecords(spooled.blockIndex, { offset, limit: 10 }, read);
      const expected = Array.from({ length: 10 }, (_, i) => offset + i).filter((n) => n < 9000);
      expect(slice).toEqual({ records: expected.map((number) => chat(number, 40)), offset, total: 9000 });
    }
    expect(ranges).toHaveLength(5);
    expect(Math.max(...ranges)).toBeLessThan(1 << 20);
  });

  it('gives fewer records rather than read more than was allowed', async () => {
    const { spooled } = await ingest(chats(9000, 40));
    if (spooled === undefined) throw new Error('not accepted');
    const object = await readFile(spooled.path);
    const window = { offset: 100, limit: 9000, maxObjectBytes: 1 };
    const slice = await readRecords(spooled.blockIndex, window, async (start, end) => object.subarray(start, end));
    const firstBlock = spooled.blockIndex.firstRecords[1] ?? 0;
    expect([slice.records.length, slice.records[0]]).toEqual([firstBlock - 100, chat(100, 40)]);
  });

  it('tells damage of the object from a good answer', async () => {
    const { spooled } = await ingest(chats(50));
    if (spooled === undefined) throw new Error('not accepted');
    const object = await readFile(spooled.path);
    const damaged = async (start: number, end: number) => object.subarray(start, end).fill(7, 40, 60);
    await expect(readRecords(spooled.blockIndex, { offset: 0, limit: 1 }, damaged)).rejects.toMatchObject({
      code: 'object_corrupt',
    });
  });

  it('is the same object whatever the chunks, the container and the company are (T100)', async () => {
    const text = chats(4000, 60);
    const array = `[${text.trimEnd().replaceAll('\n', ',\n')}]`;
    const results = await Promise.all([
      ingest(text),
      ingest(text, { sizes: [977, 13, 40_000] }),
      ingest(gzipSync(text), { sizes: [10_007] }),
      ingest(text.replaceAll('\n', '\r\n')),
      ingest(array),
      ingest(array, { sizes: [333] }),
    ]);
    const content = new Set(results.map(({ spooled }) => spooled?.contentSha256));
    expect(content.size).toBe(1);
    const objects = results.map(({ spooled }) => spooled?.objectSha256);
    expect(new Set(objects.slice(0, 3)).size).toBe(1);
    expect(objects[4]).toBe(objects[5]);
  });

  it('counts duplicates and tells of what', async () => {
    const { report } = await ingest(`${chat(1)}\n${chat(2)}\n${chat(1)}\n`);
    const found = report.findings.find(({ code }) => code === 'W_DUPLICATE');
    expect(found).toMatchObject({ line: 3, record: 3, message: 'The same as record 1.' });
    expect(report.statistics?.duplicates).toEqual({ count: 1, exact: true });
  });

  it('tells progress, bytes and records, up to the whole', async () => {
    const progress: { bytesRead: number; records: number }[] = [];
    const text = chats(6000, 60);
    await ingest(text, { onProgress: (now) => progress.push(now) });
    expect(progress.length).toBeGreaterThan(2);
    expect(progress.at(-1)).toEqual({ bytesRead: Buffer.byteLength(text), records: 6000 });
  });
});

async function throughDecompressionStream(object: Uint8Array): Promise<string> {
  const stream = new Blob([object as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(stream as ReadableStream<Uint8Array>).text();
}

describe('a check', () => {
  it('judges as ingest does and writes nothing', async () => {
    const text = chats(3000, 50);
    const checked = await checkSource(inChunks(Buffer.from(text), [65_536]), { fileName: 'a.jsonl' }, pool);
    const { report, spooled } = await ingest(text, { fileName: 'a.jsonl' });
    expect(checked.spooled).toBeUndefined();
    expect(checked.report).toEqual({ ...report, object: null });
    expect(spooled?.contentSha256).toBe(checked.report.content?.sha256);
  });
});

describe('a rejected file', () => {
  const bad = `${chats(3)}{"messages":[]}\n${chat(4)}\n{"a":\n`;

  it('is reported by line and leaves no file', async () => {
    const { report, spooled } = await ingest(bad);
    expect(spooled).toBeUndefined();
    expect(report).toMatchObject({ outcome: 'rejected', content: null, object: null });
    const errors = report.findings.filter(({ severity }) => severity === 'error');
    expect(errors.map(({ line, record }) => [line, record])).toEqual([
      [4, 4],
      [6, 6],
    ]);
    expect(report.records).toEqual({ source: 6, written: 4, rejected: 2 });
    expect(await filesLeft()).toEqual([]);
  });

  it('is accepted without its bad records when the caller allows that', async () => {
    const { report, spooled } = await ingest(bad, { onError: 'skip', maxErrorRatio: 0.5 });
    expect([report.outcome, spooled?.records, report.records.rejected]).toEqual(['accepted', 4, 2]);
  });

  it('is refused when more is bad than the caller allows', async () => {
    const { report } = await ingest(bad, { onError: 'skip', maxErrorRatio: 0.1 });
    expect([report.outcome, report.counts.E_TOO_MANY_ERRORS?.count]).toEqual(['rejected', 1]);
    expect(await filesLeft()).toEqual([]);
  });

  it.each([
    ['nothing', '', 'E_NO_RECORDS'],
    ['a byte order mark', '\ufeff', 'E_NO_RECORDS'],
    ['line feeds', '\n\n\r\n', 'E_NO_RECORDS'],
    ['an empty array', '[]', 'E_NO_RECORDS'],
    ['gzip of nothing', gzipSync(''), 'E_NO_RECORDS'],
    ['an empty object', '{}', 'E_SCHEMA_UNRECOGNISED'],
    ['an HTML page', '<!doctype html><p>404', 'E_HTML'],
    ['an array cut off', `[${chat(1)},${chat(2)},{"mess`, 'E_ARRAY_UNCLOSED'],
  ])('says what is wrong with %s', async (_name, input, code) => {
    const { report } = await ingest(input);
    expect([report.outcome, report.findings[0]?.code ?? code]).toEqual(['rejected', expect.any(String)]);
    expect(Object.keys(report.counts)).toContain(code);
    expect(await filesLeft()).toEqual([]);
  });

  it('stops where nearly everything is wrong, and says so', async () => {
    const { report } = await ingest(`${chat(1)}\n${'{"messages":[]}\n'.repeat(400_000)}`);
    expect(report).toMatchObject({ outcome: 'rejected', scan_stopped: true, findings_truncated: true });
    expect(report.findings).toHaveLength(1000);
    expect(report.source.sha256).toBeNull();
    expect(report.counts.E_EMPTY_MESSAGES?.count).toBeGreaterThanOrEqual(10_000);
    expect(report.records.source).toBeLessThan(400_000);
  });

  it('never holds a record of 100 MB', async () => {
    async function* source() {
      yield Buffer.from(`${chat(1)}\n{"messages":"`);
      const filler = Buffer.alloc(1 << 20, 'x');
      for (let i = 0; i < 100; i++) yield filler;
      yield Buffer.from(`"}\n${chat(2)}\n`);
    }
    const { report } = await ingestToSpool(source(), { directory }, { maxRecordBytes: 1 << 20 }, pool);
    expect(report.findings).toMatchObject([{ code: 'E_RECORD_TOO_LARGE', line: 2, record: 2 }]);
    expect(report.records).toEqual({ source: 3, written: 2, rejected: 1 });
    expect(await filesLeft()).toEqual([]);
  });

  it('for any truncation and any bit flip of a gzip file, with nothing left', async () => {
    const text = chats(12);
    const packed = gzipSync(text);
    const headerBytes = 10;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: headerBytes * 8, max: packed.length * 8 - 1 }), async (bit) => {
        const flipped = Uint8Array.from(packed);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const cut = await ingest(packed.subarray(0, bit >> 3));
        expect(cut.report.outcome).toBe('rejected');
        const { report, spooled } = await ingest(flipped, { sizes: [100] });
        // The bits that fill up the last byte of deflate data belong to nothing: whatever they are, the content is whole.
        const mayBeFiller = bit >> 3 === packed.length - TRAILER_BYTES - 1;
        if (mayBeFiller && spooled !== undefined)
          expect(gunzipSync(await readFile(spooled.path)).toString()).toBe(text);
        else expect(report.outcome).toBe('rejected');
        if (spooled !== undefined) await rm(spooled.path);
      }),
      { numRuns: 150, examples: [[6561]] },
    );
    expect(await filesLeft()).toEqual([]);
  });
});

describe('a fault', () => {
  async function failure(run: Promise<IngestResult>): Promise<LongshoreError> {
    const error = await run.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!(error instanceof LongshoreError)) throw new Error(`expected a LongshoreError, got ${error}`);
    return error;
  }

  it('upload too large', async () => {
    const error = await failure(ingest(chats(100), { maxUploadBytes: 5000 }));
    expect([error.code, error.details]).toEqual(['upload_too_large', { limit_bytes: 5000 }]);
    expect(await filesLeft()).toEqual([]);
  });

  it('a source that breaks (T101)', async () => {
    async function* broken() {
      yield Buffer.from(chats(5000));
      throw new Error('ECONNRESET');
    }
    const error = await failure(ingestToSpool(broken(), { directory }, {}, pool));
    expect([error.code, (error.cause as Error).message]).toEqual(['upload_aborted', 'ECONNRESET']);
    expect(await filesLeft()).toEqual([]);
  });

  it.each([['plain'], ['gzip']])('a signal while the source says nothing (%s)', async (form) => {
    const aborter = new AbortController();
    let closed = false;
    async function* silent() {
      try {
        const bytes = Buffer.from(chats(5000));
        yield form === 'gzip' ? gzipSync(bytes).subarray(0, -100) : bytes;
        aborter.abort();
        await new Promise((resolve) => setImmediate(resolve));
        yield Buffer.from('x');
      } finally {
        closed = true;
      }
    }
    const error = await failure(ingestToSpool(silent(), { directory }, { signal: aborter.signal }, pool));
    expect(error.code).toBe('upload_aborted');
    expect(await filesLeft()).toEqual([]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toBe(true);
  });

  it('a signal that had fired before', async () => {
    const error = await failure(ingest(chats(3), { signal: AbortSignal.abort() }));
    expect(error.code).toBe('upload_aborted');
    expect(await filesLeft()).toEqual([]);
  });

  it('a directory that is not there', async () => {
    const run = ingestToSpool(inChunks(Buffer.from(chats(3)), [99]), { directory: `${directory}/none` }, {}, pool);
    expect((await failure(run)).code).toBe('spool_write_failed');
  });

  it('a full disk', async () => {
    const disk = await tinyDisk(256 << 10);
    if (disk === undefined) {
      console.error('full disk: not tried, this system does not let us mount one');
      return;
    }
    try {
      const source = inChunks(Buffer.from(chats(20_000, 100)), [65_536]);
      expect((await failure(ingestToSpool(source, { directory: disk.path }, {}, pool))).code).toBe('disk_full');
      expect(await readdir(disk.path)).toEqual([]);
    } finally {
      await disk.remove();
    }
  });
});

describe('what is said about line ends', () => {
  it('is said once, by count, however many batches there are', async () => {
    const text = chats(6000, 40).replaceAll('\n', '\r\n\r\n');
    const { report } = await ingest(text, { fileName: 'chat.jsonl' });
    const about = report.findings.filter(({ code }) => code === 'I_BLANK_LINES' || code === 'I_CRLF');
    expect(about.map(({ code, message }) => [code, message.split(' ')[0]])).toEqual([
      ['I_CRLF', '12000'],
      ['I_BLANK_LINES', '6000'],
    ]);
    expect(report.counts.I_BLANK_LINES).toEqual({ severity: 'info', count: 1 });
  });
});

describe('plain text', () => {
  it.each([
    ['raw_text', 3],
    ['raw_text_paragraphs', 2],
    ['raw_text_whole', 1],
  ] as const)('with format=%s becomes %i documents', async (format, documents) => {
    const { report } = await ingest('one\ntwo\n\nthree\n', { fileName: 'notes.txt', format });
    expect(report).toMatchObject({ outcome: 'accepted', kind: 'text', records: { written: documents } });
  });
});

describe('memory does not depend on how a file is cut', () => {
  it.each([
    ['lines', (short: string, long: string) => `${short}\n${long}\n`.repeat(2000)],
    ['an array', (short: string, long: string) => `[${`${short},${long},\n`.repeat(2000)}${short}]`],
  ])('by records that are too large (%s)', async (_name, fileOf) => {
    const own = new IngestPool({ threads: 2 });
    const file = Buffer.from(fileOf('{"text":"short"}', JSON.stringify({ text: 'long '.repeat(60) })));
    const options = { maxRecordBytes: 200, onError: 'skip', maxErrorRatio: 1 } as const;
    const { report, spooled } = await ingestToSpool(inChunks(file, [65_536]), { directory }, options, own);
    expect(report.records.rejected).toBe(2000);
    expect(spooled?.records).toBe(report.records.written);
    expect(report.counts.E_RECORD_TOO_LARGE?.count).toBe(2000);
    expect(own.buffers.made).toBeLessThanOrEqual(2);
    await own.close();
  });

  it.each([
    ['commas that are missing', (value: string) => `[${value.repeat(3000)}]`, 2],
    ['commas that are missing after spaces', (value: string) => `[${`${value} \n`.repeat(3000)}]`, 2],
    ['commas that are twice there', (value: string) => `[${`${value},,`.repeat(2999)}${value}]`, 2],
    ['commas behind values that stand alone', (value: string) => `${value}\n${`${value},`.repeat(2999)}`, 3],
  ] as const)('by %s', async (_name, fileOf, record) => {
    const own = new IngestPool({ threads: 1 });
    const file = Buffer.from(fileOf('{\n"text":"a"}'));
    const options = { onError: 'skip', maxErrorRatio: 1 } as const;
    const { report } = await ingestToSpool(inChunks(file, [1000]), { directory }, options, own);
    expect([report.records.written, report.counts.E_JSON_SYNTAX?.count]).toEqual([3000, 2999]);
    expect(report.findings.find(({ code }) => code === 'E_JSON_SYNTAX')?.record).toBe(record);
    expect(own.buffers.made).toBeLessThanOrEqual(4);
    await own.close();
  });

  it('by arriving byte by byte', async () => {
    const text = chats(400);
    const whole = await ingest(text);
    const { report, spooled } = await ingest(text, { sizes: [1] });
    expect(report.source).toEqual(whole.report.source);
    expect(spooled?.objectSha256).toBe(whole.spooled?.objectSha256);
  });
});
