import { FatalFinding } from '@/lib/ingest/fatal-finding.ts';

/** Files that are no dataset, or not in a form that can be read: each gets told what it is. */
interface Trap {
  code: string;
  message: string;
  hint: string;
  matches: (head: Uint8Array, text: string) => boolean;
}

const EXPORT_HINT = 'Export the data as JSONL, JSON, CSV or Parquet.';
const DOWNLOAD_HINT = 'The download failed and its error page was saved. Download the file again, signed in if needed.';

const TRAPS: readonly Trap[] = [
  {
    code: 'E_LFS_POINTER',
    message: 'This is a Git LFS pointer, not the file itself.',
    hint: 'Run `git lfs pull`, or download the file by its "resolve" link, and upload that.',
    matches: (_, text) => text.startsWith('version https://git-lfs'),
  },
  {
    code: 'E_XML_ERROR',
    message: 'This is an error answer of an object store (XML), not the file.',
    hint: 'The signed link may have expired. Download the file again and look at the status of the answer.',
    matches: (_, text) => /^(<\?xml[^>]*>\s*)?<Error>/.test(text),
  },
  {
    code: 'E_HTML',
    message: 'This is an HTML page, not a dataset.',
    hint: DOWNLOAD_HINT,
    matches: (_, text) => /^(<!--[\s\S]*?-->\s*)?<(!doctype html|html|head|body)\b/i.test(text),
  },
  { code: 'E_XML', message: 'This is an XML file.', hint: EXPORT_HINT, matches: (_, text) => text.startsWith('<?xml') },
  { code: 'E_PDF', message: 'This is a PDF file.', hint: EXPORT_HINT, matches: magic('%PDF-') },
  {
    code: 'E_SQLITE',
    message: 'This is a SQLite database.',
    hint: EXPORT_HINT,
    matches: magic('SQLite format 3\0'),
  },
  unsupported('Arrow IPC', 'ARROW1'),
  unsupported('Arrow stream', [0xff, 0xff, 0xff, 0xff]),
  unsupported('Avro', 'Obj\x01'),
  unsupported('ORC', 'ORC'),
  unsupported('HDF5', [0x89, 0x48, 0x44, 0x46]),
  unsupported('NumPy', [0x93, 0x4e, 0x55, 0x4d]),
  unsupported('bzip2', 'BZh'),
  unsupported('xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a]),
  unsupported('7-Zip', [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c]),
  unsupported('RAR', 'Rar!'),
  unsupported('old Excel', [0xd0, 0xcf, 0x11, 0xe0]),
  {
    code: 'E_UNSUPPORTED_CONTAINER',
    message: 'This is a tar archive.',
    hint: 'Upload the data file alone; several files become several datasets.',
    matches: (head) => Buffer.from(head.subarray(257, 262)).toString('latin1') === 'ustar',
  },
  {
    code: 'E_UNSUPPORTED_CONTAINER',
    message: 'This is a Python pickle. Longshore never loads pickles: they can run code.',
    hint: EXPORT_HINT,
    matches: (head) => head[0] === 0x80 && (head[1] ?? 0) >= 2 && (head[1] ?? 0) <= 5,
  },
];

/** @throws FatalFinding when the first bytes of the decompressed file are those of a known trap. */
export function refuseTraps(head: Uint8Array): void {
  const text = Buffer.from(head.subarray(0, 1024))
    .toString('latin1')
    .replace(/^(\xef\xbb\xbf)?\s*/, '');
  const trap = TRAPS.find(({ matches }) => matches(head, text));
  if (trap !== undefined) throw new FatalFinding(trap.code, trap.message, { hint: trap.hint, line: 1 });
}

function unsupported(name: string, start: string | readonly number[]): Trap {
  return {
    code: 'E_UNSUPPORTED_CONTAINER',
    message: `The format of this file (${name}) is not one that Longshore reads.`,
    hint: `${EXPORT_HINT} Compression may be gzip, zstd or zip.`,
    matches: magic(start),
  };
}

function magic(start: string | readonly number[]): (head: Uint8Array) => boolean {
  const bytes = typeof start === 'string' ? Buffer.from(start, 'latin1') : Uint8Array.from(start);
  return (head) => bytes.every((byte, at) => head[at] === byte);
}
