import { crc32, createInflateRaw, type InflateRaw } from 'node:zlib';
import { LongshoreError, messageOf } from '@/lib/errors.ts';
import { ByteSource } from './byte-source.ts';

/**
 * A strict reader of gzip (RFC 1952). Node's own Gunzip depends on where chunks end: it may ignore what follows a member,
 * and says the same for damage of every kind. Here every member's CRC and length are checked, members may follow each
 * other, zero padding may follow the last, and anything else is an error of its own.
 *
 * Data is given out BEFORE its checksum is known: nothing may be committed until the iteration has ended.
 */
export interface GunzipOptions {
  /** Called once per member, after its checksum was found right. */
  onMember?: () => void;
  /** Called once when zero bytes follow the last member. */
  onPadding?: () => void;
}

const OUTPUT_CHUNK_BYTES = 256 * 1024;
const FLAG = { headerCrc: 2, extra: 4, name: 8, comment: 16, reserved: 0xe0 } as const;

export async function* gunzipMembers(
  stream: AsyncIterable<Uint8Array>,
  options: GunzipOptions = {},
): AsyncGenerator<Uint8Array> {
  const source = stream instanceof ByteSource ? stream : new ByteSource(stream);
  try {
    let members = 0;
    do {
      await readHeader(source);
      yield* readMember(source);
      options.onMember?.();
      members++;
    } while (await anotherMember(source, members, options));
  } finally {
    await source.close();
  }
}

async function anotherMember(source: ByteSource, members: number, options: GunzipOptions): Promise<boolean> {
  const next = (await source.peek(1))[0];
  if (next === undefined) return false;
  if (next === 0x1f) return true;
  if (next === 0) await expectPadding(source, options);
  else throw trailingGarbage(members);
  return false;
}

async function expectPadding(source: ByteSource, options: GunzipOptions): Promise<void> {
  for await (const chunk of source) {
    if (chunk.some((byte) => byte !== 0)) throw trailingGarbage();
  }
  options.onPadding?.();
}

async function readHeader(source: ByteSource): Promise<void> {
  const fixed = await source.take(10);
  if (fixed === undefined) throw truncated();
  const [id1, id2, method, flags = 0] = fixed;
  if (id1 !== 0x1f || id2 !== 0x8b) throw trailingGarbage();
  if (method !== 8 || (flags & FLAG.reserved) !== 0) throw corrupt('its header names an unknown method');
  if (flags & FLAG.extra) await skipExtra(source);
  if (flags & FLAG.name) await skipZeroTerminated(source);
  if (flags & FLAG.comment) await skipZeroTerminated(source);
  if (flags & FLAG.headerCrc) await skip(source, 2);
}

async function skip(source: ByteSource, sizeBytes: number): Promise<void> {
  if ((await source.take(sizeBytes)) === undefined) throw truncated();
}

async function skipExtra(source: ByteSource): Promise<void> {
  const size = await source.take(2);
  if (size === undefined) throw truncated();
  const extraBytes = (size[0] ?? 0) + 256 * (size[1] ?? 0);
  if (extraBytes > 0) await skip(source, extraBytes);
}

async function skipZeroTerminated(source: ByteSource): Promise<void> {
  for (let chunk = await source.next(); chunk !== undefined; chunk = await source.next()) {
    const end = chunk.indexOf(0);
    if (end === -1) continue;
    source.unread(chunk.subarray(end + 1));
    return;
  }
  throw truncated();
}

async function* readMember(source: ByteSource): AsyncGenerator<Uint8Array> {
  let checksum = 0;
  let size = 0;
  for await (const chunk of inflate(source)) {
    checksum = crc32(chunk, checksum);
    size = (size + chunk.byteLength) % 2 ** 32;
    yield chunk;
  }
  const trailer = await source.take(8);
  if (trailer === undefined) throw truncated();
  const view = new DataView(trailer.buffer, trailer.byteOffset, 8);
  if (view.getUint32(0, true) !== checksum) throw badChecksum('gzip_crc_mismatch', 'CRC-32');
  if (view.getUint32(4, true) !== size) throw badChecksum('gzip_length_mismatch', 'length');
}

/** Inflates one raw deflate stream and gives back to `source` what follows it. */
async function* inflate(source: ByteSource): AsyncGenerator<Uint8Array> {
  const inflater = createInflateRaw({ chunkSize: OUTPUT_CHUNK_BYTES });
  const feeder = new Feeder(source, inflater);
  const fed = feeder.run().catch((error: unknown) => {
    inflater.destroy();
    return error;
  });
  try {
    for await (const chunk of inflater) yield chunk as Buffer;
  } catch (error) {
    throw (await settled(fed, inflater)) ?? inflateError(error);
  } finally {
    inflater.destroy();
  }
  const failure = await fed;
  if (failure !== undefined) throw failure;
  feeder.returnRest();
}

/** Waits for the feeder only when it is what broke the stream: it may be waiting for a source that never answers. */
async function settled(fed: Promise<unknown>, inflater: InflateRaw): Promise<unknown> {
  return inflater.errored === null ? fed : undefined;
}

class Feeder {
  readonly #source: ByteSource;
  readonly #inflater: InflateRaw;
  #last: Uint8Array = new Uint8Array(0);
  #fedBytes = 0;

  constructor(source: ByteSource, inflater: InflateRaw) {
    this.#source = source;
    this.#inflater = inflater;
  }

  async run(): Promise<undefined> {
    while (this.#inflater.bytesWritten === this.#fedBytes && !this.#inflater.destroyed) {
      const chunk = await this.#source.next();
      if (chunk === undefined) {
        this.#inflater.end();
        return undefined;
      }
      this.#last = chunk;
      this.#fedBytes += chunk.byteLength;
      await this.#write(chunk);
    }
    return undefined;
  }

  /** A failed write also fails the readable side, which reports it. */
  #write(chunk: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.#inflater.once('close', resolve);
      this.#inflater.write(chunk, () => {
        this.#inflater.off('close', resolve);
        resolve();
      });
    });
  }

  /** Feeding stops at the first chunk that is not wholly consumed, so the rest is always the end of the last one. */
  returnRest(): void {
    const rest = this.#fedBytes - this.#inflater.bytesWritten;
    this.#source.unread(this.#last.subarray(this.#last.byteLength - rest));
  }
}

function inflateError(error: unknown): LongshoreError {
  const code = (error as { code?: string }).code;
  return code === 'Z_BUF_ERROR' ? truncated(error) : corrupt(messageOf(error), error);
}

function truncated(cause?: unknown): LongshoreError {
  return new LongshoreError('gzip_truncated', 'The gzip stream ends in the middle: the file is cut off.', {
    hint: 'Upload or download the file again and compare its size with the original.',
    cause,
  });
}

function corrupt(reason: string, cause?: unknown): LongshoreError {
  return new LongshoreError('gzip_corrupt', `The gzip stream is damaged: ${reason}.`, {
    hint: 'Test the file with `gzip -t` and make it again from the original.',
    cause,
  });
}

function badChecksum(code: string, what: string): LongshoreError {
  return new LongshoreError(code, `The gzip stream is damaged: its ${what} does not match its data.`, {
    hint: 'Test the file with `gzip -t` and make it again from the original.',
  });
}

function trailingGarbage(members?: number): LongshoreError {
  return new LongshoreError('gzip_trailing_garbage', 'Bytes that are not gzip follow the end of the gzip data.', {
    hint: 'Something was appended after compression. Decompress the file, check its end and compress it again.',
    details: members === undefined ? {} : { members },
  });
}
