import { unpack } from '@/lib/ingest/compression/unpack.ts';
import { FatalFinding } from '@/lib/ingest/fatal-finding.ts';
import { readParquet } from '@/lib/ingest/parquet/read-parquet.ts';
import type { ByteSource } from '@/lib/streams/byte-source.ts';
import type { ContainerContext } from './container-context.ts';
import { expectUtf8, refuseCrOnly } from './encoding.ts';
import { checkExtension, contentExtension } from './file-name.ts';
import type { FramedBatch } from './framed-batch.ts';
import { skipSpace } from './json-walk.ts';
import { readCsv } from './read-csv.ts';
import { readJson } from './read-json.ts';
import { readText } from './read-text.ts';
import { refuseTraps } from './traps.ts';

const HEAD_BYTES = 64 << 10;

/**
 * Reads the records of a file of any container. The content decides; the file's name counts for CSV and plain text only.
 *
 * @throws FatalFinding when the file cannot be read further. Batches given before are whole and right.
 */
export async function* readContainer(source: ByteSource, context: ContainerContext): AsyncGenerator<FramedBatch> {
  const data = await unpack(source, context);
  try {
    const head = await data.peek(HEAD_BYTES);
    if (head.byteLength === 0) return;
    yield* readUnpacked(data, head, context);
    const extension = checkExtension(context.fileName, context.log.container);
    if (extension !== undefined) context.log.findings.push(extension);
  } finally {
    await data.close();
  }
}

async function* readUnpacked(
  data: ByteSource,
  head: Uint8Array,
  context: ContainerContext,
): AsyncGenerator<FramedBatch> {
  if (Buffer.from(head.subarray(0, 4)).toString('latin1') === 'PAR1') return yield* readParquet(data, context);
  refuseTraps(head);
  await expectUtf8(data, context.log);
  refuseCrOnly(head);
  switch (textKind(await data.peek(HEAD_BYTES), context)) {
    case 'json':
      return yield* readJson(data, context);
    case 'csv':
      return yield* readCsv(data, context, { tabs: extensionOf(context) === 'tsv' });
    case 'text':
      return yield* readText(data, context);
  }
}

const JSON_NAMES = ['json', 'jsonl', 'ndjson'];
const TEXT_NAMES = ['txt', 'text', 'md'];

function extensionOf({ fileName, log }: ContainerContext): string {
  return contentExtension(log.entryName ?? fileName);
}

function textKind(head: Uint8Array, context: ContainerContext): 'json' | 'csv' | 'text' {
  const extension = extensionOf(context);
  const namedJson = JSON_NAMES.includes(extension);
  if (context.text !== undefined && !namedJson) return 'text';
  if (namedJson || looksLikeJson(head)) return 'json';
  if (extension === 'csv' || extension === 'tsv') return 'csv';
  if (TEXT_NAMES.includes(extension)) return 'text';
  if (skipSpace(head, 0) === head.byteLength || firstLineIsJson(head)) return 'json';
  throw new FatalFinding(
    'E_CONTAINER_UNKNOWN',
    'The content is neither JSON nor any other format that is known by content.',
    {
      line: 1,
      hint: 'Name CSV files .csv or .tsv and text files .txt, or say format=raw_text.',
    },
  );
}

/** An object or array begins: no CSV header and hardly any text does so. */
function looksLikeJson(head: Uint8Array): boolean {
  const start = skipSpace(head, 0);
  const next = String.fromCharCode(head[skipSpace(head, start + 1)] ?? 0x20);
  if (head[start] === 0x7b) return '"}\'\n '.includes(next);
  return head[start] === 0x5b && /[[\]{"\d\-tfn' ]/.test(next);
}

function firstLineIsJson(head: Uint8Array): boolean {
  const start = skipSpace(head, 0);
  const lineFeed = head.indexOf(10, start);
  try {
    JSON.parse(Buffer.from(head.subarray(start, lineFeed === -1 ? head.byteLength : lineFeed)).toString('utf8'));
    return true;
  } catch {
    return false;
  }
}
