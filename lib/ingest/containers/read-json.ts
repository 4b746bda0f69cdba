import { FatalFinding, finding } from '@/lib/ingest/fatal-finding.ts';
import type { ByteSource } from '@/lib/streams/byte-source.ts';
import { countLineFeeds } from '@/lib/streams/digest.ts';
import type { ContainerContext } from './container-context.ts';
import { contentExtension } from './file-name.ts';
import type { FramedBatch } from './framed-batch.ts';
import { type JsonLayout, jsonLayout, jsonLayoutOfLongValue } from './json-layout.ts';
import { ValueCutter } from './json-values.ts';
import { isSpace } from './json-walk.ts';
import { readLines } from './lines.ts';

const FIRST_LOOK_BYTES = 64 << 10;
/** A first value longer than this is judged by its beginning. */
const LONGEST_LOOK_BYTES = 4 << 20;

/** Reads JSON of any layout. */
export async function* readJson(source: ByteSource, context: ContainerContext): AsyncGenerator<FramedBatch> {
  const layout = await findLayout(source);
  switch (layout.type) {
    case 'lines':
      context.log.container.push({ type: layout.single === true && isNamedJson(context) ? 'json_object' : 'jsonl' });
      return yield* readLines(source, context);
    case 'values':
      return yield* readValues(source, context, layout.several);
    case 'array':
      context.log.container.push({ type: 'json_array' });
      return yield* readArray(source, context, layout.start);
    case 'wrapper':
      return yield* readWrapper(source, context, layout);
    case 'ambiguous':
      throw severalArrays(layout.keys);
  }
}

/** A single object on one line is as good JSON as JSONL: the name says which was meant. */
function isNamedJson({ fileName, log }: ContainerContext): boolean {
  return contentExtension(log.entryName ?? fileName) === 'json';
}

async function findLayout(source: ByteSource): Promise<JsonLayout> {
  for (let size = FIRST_LOOK_BYTES; size <= LONGEST_LOOK_BYTES; size *= 2) {
    const head = await source.peek(size);
    const layout = jsonLayout(head, head.byteLength < size);
    if (layout !== undefined) return layout;
  }
  return jsonLayoutOfLongValue(await source.peek(LONGEST_LOOK_BYTES));
}

async function* readValues(
  source: ByteSource,
  context: ContainerContext,
  several: boolean,
): AsyncGenerator<FramedBatch> {
  context.log.container.push({ type: several ? 'json_concatenated' : 'json_object' });
  const cutter = new ValueCutter(context.buffers, 'values', { ...context.frame, firstLine: 1 });
  for await (const chunk of source) {
    cutter.push(chunk);
    yield* cutter.take();
  }
  yield* cutter.finish();
  if (several) context.log.findings.push(CONCATENATED);
}

const CONCATENATED = finding(
  'W_CONCATENATED',
  'warning',
  'The file is not one JSON value a line: values follow directly.',
  {
    hint: 'Most trainers read one record a line. What is stored is split so.',
  },
);

async function* readArray(source: ByteSource, context: ContainerContext, start: number): AsyncGenerator<FramedBatch> {
  const cutter = yield* readElements(source, context, start);
  for await (const chunk of source) {
    if (!chunk.every(isSpace)) {
      throw new FatalFinding('E_TEXT_AFTER_ARRAY', 'Text follows the end of the JSON array.', {
        line: cutter.line,
        hint: 'Look at the end of the file: two exports may have been put together.',
      });
    }
  }
}

/** Reads the elements of the array that opens just before `start`, up to and with its closing bracket. */
async function* readElements(
  source: ByteSource,
  context: ContainerContext,
  start: number,
): AsyncGenerator<FramedBatch, ValueCutter> {
  const before = (await source.take(start)) ?? new Uint8Array(0);
  const firstLine = 1 + countLineFeeds(before);
  const cutter = new ValueCutter(context.buffers, 'elements', { ...context.frame, firstLine });
  while (!cutter.closed) {
    const chunk = await source.next();
    if (chunk === undefined) break;
    source.unread(chunk.subarray(cutter.push(chunk)));
    yield* cutter.take();
  }
  yield* cutter.finish();
  if (cutter.failure !== undefined) throw cutter.failure;
  if (!cutter.closed) throw unclosed(cutter);
  return cutter;
}

function unclosed(cutter: ValueCutter): FatalFinding {
  const message = `The JSON array is never closed: the file is cut off after ${cutter.records} whole records.`;
  const hint = 'Download or export it again and compare its size with the original.';
  return new FatalFinding('E_ARRAY_UNCLOSED', message, { line: cutter.line, hint });
}

async function* readWrapper(
  source: ByteSource,
  context: ContainerContext,
  { key, start }: { key: string; start: number },
): AsyncGenerator<FramedBatch> {
  context.log.container.push({ type: 'json_wrapper', detail: { key } });
  const head = Buffer.from((await source.peek(start)).subarray(0, start));
  const cutter = yield* readElements(source, context, start);
  const others = otherKeys(head, await readTail(source, cutter), { key, line: cutter.line });
  const kept = others.length === 0 ? '' : ` Beside it, not kept: ${others.join(', ')}.`;
  context.log.findings.push(
    finding('W_WRAPPER', 'warning', `The records were taken out of the array under "${key}".${kept}`),
  );
}

/** What stands beside the records is a few words; a second data set would be much more. */
const MAX_TAIL_BYTES = 1 << 20;

async function readTail(source: ByteSource, cutter: ValueCutter): Promise<Buffer> {
  const tail = await source.peek(MAX_TAIL_BYTES);
  if (tail.byteLength < MAX_TAIL_BYTES) return Buffer.from(tail);
  throw new FatalFinding('E_WRAPPER', 'More than 1 MiB of other data follows the array of records.', {
    line: cutter.line,
    hint: 'Upload the array alone, or as one record a line.',
  });
}

function otherKeys(head: Buffer, tail: Buffer, { key, line }: { key: string; line: number }): string[] {
  const wrapper = parseObject(`${head}]${tail}`, line);
  const others = Object.entries(wrapper).filter(([name]) => name !== key);
  const lists = others.filter(([, value]) => Array.isArray(value) && value.some(isObject)).map(([name]) => name);
  if (lists.length > 0) throw severalArrays([key, ...lists]);
  return others.map(([name]) => JSON.stringify(name));
}

function parseObject(text: string, line: number): Record<string, unknown> {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const hint = 'Look at the text before and after the array of records.';
    throw new FatalFinding('E_JSON_SYNTAX', 'The object around the records is not valid JSON.', { line, hint, cause });
  }
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function severalArrays(keys: readonly string[]): FatalFinding {
  return new FatalFinding('E_WRAPPER_AMBIGUOUS', `The file holds several arrays of records: ${keys.join(', ')}.`, {
    hint: 'Upload them as separate datasets, each as its own file.',
  });
}
