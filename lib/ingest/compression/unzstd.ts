import { Decompress } from 'fzstd';
import { messageOf } from '@/lib/errors.ts';
import type { ContainerContext } from '@/lib/ingest/containers/container-context.ts';
import { FatalFinding } from '@/lib/ingest/fatal-finding.ts';
import type { ContainerStep } from '@/lib/ingest/types.ts';
import type { ByteSource } from '@/lib/streams/byte-source.ts';
import { Xxh64 } from './xxh64.ts';

const FRAME_MAGIC = 0xfd2fb528;
/** 16 magic numbers, of which the lowest four bits are the user's own. */
const SKIPPABLE_MAGIC = 0x184d2a50;
const CHECKSUM_FLAG = 4;
const BLOCK_HEADER_BYTES = 3;
const MAX_BLOCK_BYTES = 128 << 10;
const RLE_BLOCK = 1;
const RESERVED_BLOCK = 3;

/** The decompressor holds the window in memory. Level 19 asks for 8 MiB; only --ultra and --long ask for more than 32. */
const MAX_WINDOW_BYTES = 32 << 20;

/** Zstandard (RFC 8878): any number of frames, skippable ones between them, content checksums verified. */
export async function* unzstd(source: ByteSource, { log }: ContainerContext): AsyncGenerator<Uint8Array> {
  let frames = 0;
  const step: ContainerStep = { type: 'zstd' };
  log.container.push(step);
  for (let magic = await takeUint32(source); magic !== undefined; magic = await takeUint32(source)) {
    if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
      await skipFrame(source);
      continue;
    }
    if (magic !== FRAME_MAGIC) throw garbage(frames);
    yield* readFrame(source);
    frames++;
    step.detail = { frames };
  }
  if (frames === 0) throw truncated();
}

async function* readFrame(source: ByteSource): AsyncGenerator<Uint8Array> {
  const header = await readHeader(source);
  const decompressor = new FrameDecompressor(header);
  const checksum = new Xxh64();
  let size = 0;
  for (let last = false; !last; ) {
    const block = await readBlock(source);
    last = block.last;
    for (const chunk of decompressor.push(block)) {
      if (header.hasChecksum) checksum.update(chunk);
      size += chunk.byteLength;
      yield chunk;
    }
  }
  if (header.contentBytes !== undefined && size !== header.contentBytes)
    throw corrupt('its length is not what it says');
  if (!header.hasChecksum) return;
  const expected = await takeUint32(source);
  if (expected === undefined) throw truncated();
  if (Number(checksum.digest() & 0xffffffffn) !== expected) throw corrupt('its checksum does not match its data');
}

interface FrameHeader {
  bytes: Uint8Array;
  hasChecksum: boolean;
  contentBytes: number | undefined;
}

async function readHeader(source: ByteSource): Promise<FrameHeader> {
  const descriptor = (await take(source, 1))[0] ?? 0;
  const singleSegment = (descriptor & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const contentSizeBytes = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  const windowBytes = singleSegment ? 0 : 1;
  const rest = await take(source, windowBytes + dictionaryBytes + contentSizeBytes);
  if (dictionaryBytes > 0 && rest.subarray(windowBytes, windowBytes + dictionaryBytes).some((byte) => byte !== 0)) {
    throw unsupported('It needs a dictionary.', 'Compress it again without one.');
  }
  const contentBytes = readContentSize(rest.subarray(windowBytes + dictionaryBytes));
  checkWindow(singleSegment ? (contentBytes ?? 0) : windowSize(rest[0] ?? 0));
  // The decompressor is told of no checksum: it would wait for its bytes, and not verify it.
  const bytes = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, descriptor & ~CHECKSUM_FLAG, ...rest);
  return { bytes, hasChecksum: (descriptor & CHECKSUM_FLAG) !== 0, contentBytes };
}

function readContentSize(field: Uint8Array): number | undefined {
  if (field.byteLength === 0) return undefined;
  const value = field.reduceRight((sum, byte) => sum * 256 + byte, 0);
  return field.byteLength === 2 ? value + 256 : value;
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

function checkWindow(sizeBytes: number): void {
  if (sizeBytes <= MAX_WINDOW_BYTES) return;
  const message = `It needs a window of ${Math.ceil(sizeBytes / 2 ** 20)} MiB of memory.`;
  throw unsupported(message, 'Compress it again without --long and --ultra, or with gzip.');
}

interface Block {
  bytes: Uint8Array;
  last: boolean;
}

/** A block with its header, as the decompressor wants it. */
async function readBlock(source: ByteSource): Promise<Block> {
  const header = Uint8Array.from(await take(source, BLOCK_HEADER_BYTES));
  const fields = (header[0] ?? 0) | ((header[1] ?? 0) << 8) | ((header[2] ?? 0) << 16);
  const type = (fields >> 1) & 3;
  const size = fields >> 3;
  if (type === RESERVED_BLOCK || size > MAX_BLOCK_BYTES) throw corrupt('a block is invalid');
  const body = await take(source, type === RLE_BLOCK ? 1 : size);
  return { bytes: Buffer.concat([header, body]), last: (fields & 1) === 1 };
}

class FrameDecompressor {
  readonly #decompress: Decompress;
  #chunks: Uint8Array[] = [];

  constructor(header: FrameHeader) {
    this.#decompress = new Decompress((chunk) => {
      if (chunk.byteLength > 0) this.#chunks.push(chunk);
    });
    this.#push({ bytes: header.bytes, last: false });
  }

  push(block: Block): Uint8Array[] {
    this.#push(block);
    const chunks = this.#chunks;
    this.#chunks = [];
    return chunks;
  }

  #push({ bytes, last }: Block): void {
    try {
      this.#decompress.push(bytes, last);
    } catch (error) {
      throw corrupt(messageOf(error), error);
    }
  }
}

async function skipFrame(source: ByteSource): Promise<void> {
  let left = await takeUint32(source);
  if (left === undefined) throw truncated();
  while (left > 0) {
    const chunk = await source.next();
    if (chunk === undefined) throw truncated();
    source.unread(chunk.subarray(left));
    left -= Math.min(left, chunk.byteLength);
  }
}

/** Undefined at the end of the file; an error where it ends in between. */
async function takeUint32(source: ByteSource): Promise<number | undefined> {
  const bytes = await source.peek(4);
  if (bytes.byteLength === 0) return undefined;
  const [a = 0, b = 0, c = 0, d = 0] = await take(source, 4);
  return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
}

async function take(source: ByteSource, sizeBytes: number): Promise<Uint8Array> {
  if (sizeBytes === 0) return new Uint8Array(0);
  const bytes = await source.take(sizeBytes);
  if (bytes === undefined) throw truncated();
  return bytes;
}

function truncated(): FatalFinding {
  return new FatalFinding('E_ZSTD_TRUNCATED', 'The zstd data ends in the middle: the file is cut off.', {
    hint: 'Upload or download the file again and compare its size with the original.',
  });
}

function corrupt(reason: string, cause?: unknown): FatalFinding {
  return new FatalFinding('E_ZSTD_CORRUPT', `The zstd data is damaged: ${reason}.`, {
    hint: 'Test the file with `zstd -t` and make it again from the original.',
    cause,
  });
}

function unsupported(reason: string, hint: string): FatalFinding {
  return new FatalFinding('E_ZSTD_UNSUPPORTED', `The zstd data cannot be read here. ${reason}`, { hint });
}

function garbage(frames: number): FatalFinding {
  return new FatalFinding('E_ZSTD_GARBAGE', `Bytes that are not zstd follow after ${frames} frames.`, {
    hint: 'Something was appended after compression. Decompress the file, check its end and compress it again.',
  });
}
