import { deflateRawSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { codesOf, readBytes, recordsOf } from '@/tests/support/read-container.ts';
import { zipOf } from '@/tests/support/zip.ts';
import { Xxh64 } from './xxh64.ts';

const jsonl = Array.from({ length: 60 }, (_, n) => `{"text":"document ${n} of some words"}\n`).join('');
const wide = { maxRecordBytes: 100_000, batchBytes: 100_000 };

describe('zip', () => {
  const data = { name: 'folder/data.jsonl', content: jsonl };
  it.each([
    ['deflated', zipOf(data)],
    ['stored', zipOf({ ...data, stored: true })],
    [
      'with folders and what macOS adds',
      zipOf(
        { name: 'folder/', content: '' },
        data,
        { name: '__MACOSX/folder/._data.jsonl', content: 'x' },
        { name: 'folder/.DS_Store', content: 'x' },
      ),
    ],
    ['with gzip inside', zipOf({ name: 'data.jsonl.gz', content: gzipSync(jsonl) })],
  ])('%s', async (_name, archive) => {
    const result = await readBytes(archive, { ...wide, sizes: [100] });
    expect([recordsOf(result).length, result.containers[0], result.fatal]).toEqual([60, 'zip', undefined]);
  });

  it('takes the format from the name inside', async () => {
    const result = await readBytes(zipOf({ name: 'a.csv', content: 'prompt,completion\n1,2\n' }), { name: 'data.zip' });
    expect([recordsOf(result), codesOf(result)]).toEqual([[{ prompt: '1', completion: '2' }], []]);
  });

  const link = { name: 'data.jsonl', content: '/etc/passwd', mode: 0o120777 };
  it.each([
    ['two data files', zipOf(data, { name: 'b.jsonl', content: jsonl }), 'E_ZIP_SEVERAL'],
    ['nothing', zipOf(), 'E_NO_RECORDS'],
    ['a path to outside', zipOf({ name: '../data.jsonl', content: jsonl }), 'E_ZIP_PATH'],
    ['an absolute path', zipOf({ name: '/data.jsonl', content: jsonl }), 'E_ZIP_PATH'],
    ['an encrypted file', zipOf({ ...data, encrypted: true }), 'E_ZIP_ENCRYPTED'],
    ['a symbolic link', zipOf(link), 'E_ZIP_LINK'],
    ['an unknown method', zipOf({ ...data, method: 12 }), 'E_ZIP_METHOD'],
    ['a wrong checksum', zipOf({ ...data, crc: 1 }), 'E_ZIP_CORRUPT'],
    ['its end missing', zipOf(data).subarray(0, -30), 'E_ZIP_CORRUPT'],
    ['damaged data', damaged(zipOf(data), 70), 'E_ZIP_CORRUPT'],
    [
      'an Excel workbook',
      zipOf({ name: '[Content_Types].xml', content: '<x/>' }, { name: 'xl/workbook.xml', content: '<x/>' }),
      'E_XLSX',
    ],
    ['a Word document', zipOf({ name: 'word/document.xml', content: '<x/>' }), 'E_OFFICE'],
    [
      'a zip in a zip in a zip',
      zipOf({ name: 'b.zip', content: zipOf({ name: 'c.zip', content: zipOf(data) }) }),
      'E_NESTING',
    ],
    ['a bomb', zipOf({ name: 'a.jsonl', content: Buffer.alloc(80 << 20, '{"a":1}\n') }), 'E_BOMB'],
  ])('refuses %s', async (_name, archive, code) => {
    expect((await readBytes(archive, { batchBytes: 1 << 20, maxRecordBytes: 1 << 20 })).fatal?.code).toBe(code);
  });
});

function damaged(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 0xff;
  return copy;
}

describe('zstd (T53)', () => {
  // Made with zstd 1.5.4 from the JSONL above: with a checksum; without one, then a skippable frame, then level 19.
  const checked = Buffer.from(
    'KLUv/QRY1QUA4oUSF5ArHau5XagNl911d+F4+ymlhL7rTgEO////v23btt22bduSJEmS27ZtKxAGgrsc4FESo0CMOghKCoEqUClxkMUBmWIoqXFScQQ8ILAzSgeeJC/JIiV5STYpyUuySElekiUl8pIsKZOXZEmJvCRLSvIiWVKSN8mSkrxIlpTkJVmkJC/JJiV5SZakrAt56SDZuZFSruSNg2ThRsq3ktcNkreNNGwPgxTkIRmkIA/JkAJ5Csl4PEsGjz9/VQ==',
    'base64',
  );
  const frames = Buffer.from(
    'KLUv/QBYFQQA1AN7InRleHQiOiJkb2N1bWVudCAwIG9mIHNvbWUgd29yZHMifQoxMjM0NTY3ODkxMTExMTExMTEyMjIyMjIyGwDgloC8gGQBKQF5AckCKeuWvHRLsnNLSrklb9ySLNyS8m3J67Ykb1vSsK2HAaQA5AEkA0gByANIBpACkAeQjMdTZFMqTRgFAAAAaGVsbG8otS/9BGhFAwCEBGN1bWVudCAyNyBvZiBzb21lIHdvcmRzIn0KeyJ0ZXh0IjoiZG84OTMwMTIzNDU2Nzg5NDAxMjM0NTY3ODk1MDEyMzQ1Njc4OSGoEZBf/8/gNwMR3BB8Q/i/H98p/7P+57r9ioBUBds4GG0=',
    'base64',
  );
  const wideWindow = Buffer.from(
    'KLUv/QSIHQQAcoYTFqCrA3BzN3/Vk01ViG1rpZQxdvtttQLZbDabzWazmYiIiIiId3d3d3f///+/bdu2XRCDkHg3ECVGLczpShhThDVoU1bSHEwlI7VntQQFPKgRkHv/z7AzSgcR/CsE//MHE8/EO/b+ef9271yXdJybch1HuH1rN7ZtNgBQapMHsFWPP39V',
    'base64',
  );

  it.each([
    ['one frame', checked],
    ['several frames and a skippable one', frames],
    ['a frame of nothing before', Buffer.concat([Buffer.from('KLUv/SQAAQAAmenYUQ==', 'base64'), checked])],
    ['inside of gzip', gzipSync(checked)],
  ])('reads %s', async (_name, bytes) => {
    for (const sizes of [[1], [1 << 20]]) {
      const result = await readBytes(bytes, { ...wide, sizes });
      expect([result.fatal, result.batches.map(({ text }) => text).join('')]).toEqual([undefined, jsonl]);
    }
  });

  it.each([
    ['its end missing', checked.subarray(0, -6), 'E_ZSTD_TRUNCATED'],
    ['its checksum missing', checked.subarray(0, -4), 'E_ZSTD_TRUNCATED'],
    ['a wrong checksum', damaged(checked, checked.length - 1), 'E_ZSTD_CORRUPT'],
    ['something appended', Buffer.concat([checked, Buffer.from('hello')]), 'E_ZSTD_GARBAGE'],
    ['a window of 128 MiB', wideWindow, 'E_ZSTD_UNSUPPORTED'],
    ['a need for a dictionary', Buffer.from('KLUv/SMHAAAAAQEAAGE=', 'base64'), 'E_ZSTD_UNSUPPORTED'],
  ])('refuses %s', async (_name, bytes, code) => {
    expect((await readBytes(bytes, wide)).fatal?.code).toBe(code);
  });

  it('never gives other content for a flipped bit', async () => {
    for (let bit = 40; bit < checked.length * 8; bit += 11) {
      const flipped = Uint8Array.from(checked);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const { fatal, batches } = await readBytes(flipped, wide);
      // Some bits carry nothing, such as the rest of a bit stream's last byte.
      if (fatal === undefined) expect(batches.map(({ text }) => text).join('')).toBe(jsonl);
      else expect(fatal.code).toMatch(/^E_ZSTD_/);
    }
  });
});

describe('XXH64', () => {
  it.each([
    ['', 0xef46db3751d8e999n],
    ['a', 0xd24ec4f1a98c6e5bn],
    ['abc', 0x44bc2cf5ad770999n],
    ['Call me Ishmael. Some years ago--never mind how long precisely-', 0x02a2e85470d6fd96n],
  ])('%j', (text, expected) => {
    for (const size of [1, 5, 31, 64]) {
      const hash = new Xxh64();
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length; at += size) hash.update(bytes.subarray(at, at + size));
      expect(hash.digest()).toBe(expected);
    }
  });
});

describe('formats without magic', () => {
  it('raw deflate is nothing that is known', async () => {
    expect((await readBytes(deflateRawSync(jsonl))).fatal).toBeDefined();
  });
});
