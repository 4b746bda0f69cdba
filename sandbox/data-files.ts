import { randomUUID } from 'node:crypto';
import { copyFile, link, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** A run of bytes in one file; objects are lists of these, so that completing an upload copies nothing. */
export interface Segment {
  file: string;
  sizeBytes: number;
}

const WRITE_BYTES = 512 * 1024;
const READ_BYTES = 256 * 1024;

/** Immutable files of object data under one directory, named by random ids. */
export class DataFiles {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  async open(): Promise<void> {
    await mkdir(this.#dir, { recursive: true });
  }

  /** Streams everything into a new file; leaves none behind when the source fails. */
  async write(source: AsyncIterable<Buffer>): Promise<Segment> {
    const file = randomUUID();
    try {
      return { file, sizeBytes: await this.#fill(file, source) };
    } catch (error) {
      await this.remove([{ file }]);
      throw error;
    }
  }

  async #fill(file: string, source: AsyncIterable<Buffer>): Promise<number> {
    const handle = await open(this.path(file), 'wx');
    try {
      let total = 0;
      for await (const batch of batches(source, WRITE_BYTES)) {
        const { bytesWritten } = await handle.writev(batch);
        total += bytesWritten;
      }
      return total;
    } finally {
      await handle.close();
    }
  }

  /** Bytes [start, end) of the segments laid end to end. */
  async *read(segments: readonly Segment[], start = 0, end = Number.POSITIVE_INFINITY): AsyncIterable<Buffer> {
    let offset = 0;
    for (const segment of segments) {
      const from = Math.max(start - offset, 0);
      const to = Math.min(end - offset, segment.sizeBytes);
      if (from < to) yield* this.#readFile(segment.file, from, to);
      offset += segment.sizeBytes;
      if (offset >= end) return;
    }
  }

  async *#readFile(file: string, from: number, to: number): AsyncIterable<Buffer> {
    const handle = await open(this.path(file), 'r');
    try {
      for (let position = from; position < to; ) {
        const size = Math.min(READ_BYTES, to - position);
        const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(size), 0, size, position);
        if (bytesRead === 0) throw new Error(`data file ${file} is shorter than its object`);
        position += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await handle.close();
    }
  }

  /** The same bytes under new names, without copying them. */
  async link(segments: readonly Segment[]): Promise<Segment[]> {
    const links: Segment[] = [];
    for (const { file, sizeBytes } of segments) {
      const copy = randomUUID();
      await link(this.path(file), this.path(copy));
      links.push({ file: copy, sizeBytes });
    }
    return links;
  }

  async remove(segments: readonly { file: string }[]): Promise<void> {
    await Promise.all(segments.map(({ file }) => rm(this.path(file), { force: true })));
  }

  /** Removes every file that `keep` does not name: what a kill left behind. */
  async sweep(keep: ReadonlySet<string>): Promise<void> {
    const names = await readdir(this.#dir);
    await this.remove(names.filter((file) => !keep.has(file)).map((file) => ({ file })));
  }

  /** Flips one bit in place, unnoticed by every recorded size, date and hash. */
  async flipBit(segments: readonly Segment[], atByte: number): Promise<void> {
    let offset = atByte;
    for (const { file, sizeBytes } of segments) {
      if (offset < sizeBytes) return await this.#flipBitOf(file, offset);
      offset -= sizeBytes;
    }
    throw new RangeError(`no byte ${atByte} in this object`);
  }

  /** Replaces the file, because a hard-linked copy of the object must keep its bytes. */
  async #flipBitOf(file: string, position: number): Promise<void> {
    const [copy, byte] = [`${this.path(file)}.damaged`, Buffer.alloc(1)];
    await copyFile(this.path(file), copy);
    const handle = await open(copy, 'r+');
    await handle.read(byte, 0, 1, position);
    await handle.write(Buffer.from([byte.readUInt8() ^ 1]), 0, 1, position);
    await handle.close();
    await rename(copy, this.path(file));
  }

  path(file: string): string {
    return join(this.#dir, file);
  }
}

async function* batches(source: AsyncIterable<Buffer>, sizeBytes: number): AsyncIterable<Buffer[]> {
  let batch: Buffer[] = [];
  let size = 0;
  for await (const chunk of source) {
    batch.push(chunk);
    size += chunk.length;
    if (size < sizeBytes) continue;
    yield batch;
    [batch, size] = [[], 0];
  }
  if (batch.length > 0) yield batch;
}
