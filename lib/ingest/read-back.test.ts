import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inChunks } from '@/tests/support/chunks.ts';
import { openPage, startBrowser } from '@/tests/support/page/browser.ts';
import { ingestToSpool } from './ingest.ts';
import { IngestPool } from './pool/ingest-pool.ts';

/** Several blocks, and characters that careless readers break: U+2028, a NUL, pairs of surrogates, escapes, long numbers. */
const TEXT = 'é 😀 \u2028 \u0000 \\ "quoted" \t end ';
const SOURCES = {
  'chat.jsonl': Array.from({ length: 4000 }, (_, n) =>
    JSON.stringify({
      messages: [
        { role: 'user', content: `${n} ${TEXT.repeat(6)}` },
        { role: 'assistant', content: TEXT.repeat(5) },
      ],
      id: n * 1e15,
    }),
  ).join('\n'),
  'alpaca.json': JSON.stringify(
    Array.from({ length: 4000 }, (_, n) => ({
      instruction: `${n} ${TEXT}`,
      input: TEXT.repeat(4),
      output: TEXT.repeat(5),
    })),
  ),
};

let pool: IngestPool;
let browser: Browser;
let directory: string;
beforeAll(async () => {
  pool = new IngestPool({ threads: 2 });
  browser = await startBrowser();
  directory = await mkdtemp(join(tmpdir(), 'longshore-read-back-'));
});
afterAll(async () => {
  await browser.close();
  await pool.close();
  await rm(directory, { recursive: true });
});

const PYTHON = `
import gzip, json, sys
with gzip.open(sys.argv[1], "rt", encoding="utf-8", newline="\\n") as file:
    json.dump([json.loads(line) for line in file], sys.stdout)
`;
const output = { maxBuffer: 1 << 28 };

describe.each(Object.entries(SOURCES))('the object made of %s', (fileName, source) => {
  let path: string;
  /** What zcat says, for the others to be compared with. */
  let content: Buffer;
  beforeAll(async () => {
    const { spooled } = await ingestToSpool(inChunks(Buffer.from(source), [65_536]), { directory }, { fileName }, pool);
    if (spooled === undefined) throw new Error('not accepted');
    expect(spooled.blockIndex.firstRecords.length).toBeGreaterThan(2);
    path = spooled.path;
    content = execFileSync('zcat', [path], output);
  });

  it('is read back by Python, record by record', () => {
    const lines = content.toString().trimEnd().split('\n');
    expect(lines.length).toBe(4000);
    const read = JSON.parse(execFileSync('python3', ['-c', PYTHON, path], output).toString());
    expect(read).toEqual(lines.map((line) => JSON.parse(line)));
  });

  it('is read back by a browser, byte for byte', async () => {
    const { page, close } = await openPage(browser);
    const object = (await readFile(path)).toString('base64');
    const text = await page.evaluate(async (base64) => {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
      return new Response(stream).text();
    }, object);
    await close();
    expect(text === content.toString()).toBe(true);
  });
});

it('holds the texts of the source, code point for code point', async () => {
  const { spooled } = await ingestToSpool(inChunks(Buffer.from(SOURCES['chat.jsonl']), [999]), { directory }, {}, pool);
  const records = execFileSync('zcat', [spooled?.path ?? ''], output)
    .toString()
    .trimEnd()
    .split('\n');
  expect(records.map((line) => JSON.parse(line))).toEqual(
    SOURCES['chat.jsonl'].split('\n').map((line) => JSON.parse(line)),
  );
});
