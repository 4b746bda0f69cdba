import type { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { type Entry, fromFdPromise, type ZipFile } from 'yauzl';
import { LongshoreError, messageOf } from '@/lib/errors.ts';
import { TemporaryFile } from '@/lib/ingest/bytes/temporary-file.ts';
import type { ContainerContext } from '@/lib/ingest/containers/container-context.ts';
import { FatalFinding } from '@/lib/ingest/fatal-finding.ts';
import type { ByteSource } from '@/lib/streams/byte-source.ts';

const MAX_ENTRIES = 10_000;
const SYMBOLIC_LINK = 0xa000;
const STORED = 0;
const DEFLATED = 8;

/** The one data file of a zip archive. The directory is at the archive's end, so the upload waits on disk meanwhile. */
export async function* unzip(source: ByteSource, context: ContainerContext): AsyncGenerator<Uint8Array> {
  const file = await TemporaryFile.fill(context.temporaryDirectory, source);
  try {
    yield* readArchive(file, context);
  } finally {
    await file.close();
  }
}

async function* readArchive(file: TemporaryFile, { log }: ContainerContext): AsyncGenerator<Uint8Array> {
  const archive = await ofArchive(fromFdPromise(file.fd, { lazyEntries: true, autoClose: false }));
  const entry = await ofArchive(findDataEntry(archive));
  checkEntry(entry);
  log.container.push({ type: 'zip', detail: { entry_bytes: entry.uncompressedSize } });
  log.entryName = entry.fileName;
  yield* checkedContent(entry, await ofArchive(archive.openReadStreamPromise(entry)));
}

async function findDataEntry(archive: ZipFile): Promise<Entry> {
  if (archive.entryCount > MAX_ENTRIES) throw severalFiles(`${archive.entryCount} entries`);
  const found: Entry[] = [];
  for await (const entry of archive.eachEntry()) {
    refuseOffice(entry.fileName);
    if (isData(entry.fileName)) found.push(entry);
  }
  const [only, another] = found;
  if (only === undefined) {
    throw new FatalFinding('E_NO_RECORDS', 'The zip archive holds no file.', { hint: 'Check how it was made.' });
  }
  if (another !== undefined) throw severalFiles(`${found.length} files`);
  return only;
}

/** Folders, and what macOS and Windows put beside the data. */
function isData(name: string): boolean {
  const base = name.slice(name.lastIndexOf('/') + 1);
  return !name.endsWith('/') && !name.startsWith('__MACOSX/') && !/^(\.|Thumbs\.db$|desktop\.ini$)/i.test(base);
}

function refuseOffice(name: string): void {
  const kind = /^(xl|word|ppt)\//.exec(name)?.[1];
  if (kind === undefined) return;
  const what = { xl: 'an Excel workbook', word: 'a Word document', ppt: 'a PowerPoint file' }[kind];
  throw new FatalFinding(kind === 'xl' ? 'E_XLSX' : 'E_OFFICE', `This is ${what}, not a dataset.`, {
    hint: kind === 'xl' ? 'Save the sheet as "CSV UTF-8" and upload that.' : 'Export the data as JSONL or CSV.',
  });
}

function checkEntry(entry: Entry): void {
  if (entry.isEncrypted()) {
    throw new FatalFinding('E_ZIP_ENCRYPTED', 'The file in the zip archive is encrypted.', {
      hint: 'Make the archive again without a password.',
    });
  }
  if (((entry.externalFileAttributes >>> 16) & 0xf000) === SYMBOLIC_LINK) {
    throw new FatalFinding('E_ZIP_LINK', 'The zip archive holds a symbolic link instead of the file.', {
      hint: 'Make the archive again with the file itself.',
    });
  }
  if (entry.compressionMethod === STORED || entry.compressionMethod === DEFLATED) return;
  throw new FatalFinding('E_ZIP_METHOD', `The zip archive uses compression method ${entry.compressionMethod}.`, {
    hint: 'Make it again with the usual method (deflate), or use gzip.',
  });
}

async function* checkedContent(entry: Entry, stream: Readable): AsyncGenerator<Uint8Array> {
  let checksum = 0;
  try {
    for await (const chunk of stream) {
      checksum = crc32(chunk, checksum);
      yield chunk;
    }
  } catch (error) {
    throw corrupt(error);
  } finally {
    stream.destroy();
  }
  if (checksum !== entry.crc32) throw corrupt(new Error('its CRC-32 does not match its data'));
}

/** What the archive's own structure gets wrong is a finding; a failing disk stays a fault. */
async function ofArchive<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    throw corrupt(error);
  }
}

function corrupt(error: unknown): unknown {
  if (error instanceof FatalFinding || error instanceof LongshoreError) return error;
  const reason = messageOf(error);
  if (/relative path|absolute path|invalid characters/.test(reason)) {
    return new FatalFinding('E_ZIP_PATH', 'The zip archive names files outside of itself.', {
      hint: 'Make it again from the folder that holds the file.',
      cause: error,
    });
  }
  return new FatalFinding('E_ZIP_CORRUPT', `The zip archive cannot be read: ${reason}.`, {
    hint: 'Test it with `unzip -t` and make it again from the original.',
    cause: error,
  });
}

function severalFiles(what: string): FatalFinding {
  return new FatalFinding('E_ZIP_SEVERAL', `The zip archive holds ${what}; one file is one dataset.`, {
    hint: 'Say which by uploading it alone, or upload each as a dataset of its own.',
  });
}
