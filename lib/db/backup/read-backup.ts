import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { LongshoreError, messageOf } from '@/lib/errors.ts';
import { BACKUP_VERSION, type BackupEnd, type BackupManifest, type BackupRow, damaged } from './format.ts';

const NEWLINE = 0x0a;

/** The manifest alone, unchecked beyond its own line. */
export async function readManifest(file: string): Promise<BackupManifest> {
  for await (const line of linesOf(file)) return parseManifest(line);
  throw damaged('it is empty');
}

/**
 * The rows of a backup, in order. Throws `backup_damaged` at the first thing that is wrong, at the latest at the end, when
 * counts and hash are compared: MUST be read in a transaction that commits only after that.
 */
export async function* readRows(file: string): AsyncGenerator<BackupRow> {
  const hash = createHash('sha256');
  const counts = new Map<number, number>();
  let manifest: BackupManifest | undefined;
  let ended = false;
  for await (const line of linesOf(file)) {
    if (ended) throw damaged('there is something after its end');
    const value = parse(line);
    if (manifest === undefined) {
      manifest = parseManifest(line);
    } else if (isEnd(value)) {
      checkEnd(value, manifest, counts, hash.digest('hex'));
      ended = true;
      continue;
    } else {
      const row = asRow(value, manifest);
      counts.set(row.t, (counts.get(row.t) ?? 0) + 1);
      yield row;
    }
    hash.update(line).update('\n');
  }
  if (!ended) throw damaged('it ends in the middle');
}

function checkEnd(
  { end }: BackupEnd,
  manifest: BackupManifest,
  counts: ReadonlyMap<number, number>,
  sha256: string,
): void {
  if (end.sha256 !== sha256) throw damaged('its hash is not the one of its content');
  for (const [t, table] of manifest.tables.entries()) {
    if ((end.rows[table.name] ?? 0) !== (counts.get(t) ?? 0)) throw damaged(`rows of ${table.name} are missing`);
  }
}

/** Without the line ends. Only "\n" ends a line: JSON text may hold other line separators of Unicode. */
async function* linesOf(file: string): AsyncGenerator<Buffer> {
  const source = createReadStream(file);
  const plain = source.pipe(createGunzip());
  source.on('error', (error) => plain.destroy(error));
  let rest: Buffer[] = [];
  try {
    for await (const chunk of plain as AsyncIterable<Buffer>) {
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
        yield Buffer.concat([...rest, chunk.subarray(start, end)]);
        rest = [];
        start = end + 1;
      }
      rest.push(chunk.subarray(start));
    }
  } catch (error) {
    throw unreadable(error);
  } finally {
    source.destroy();
  }
  if (Buffer.concat(rest).length > 0) throw damaged('it ends in the middle of a line');
}

function unreadable(error: unknown): unknown {
  const code = error instanceof Error ? String(Reflect.get(error, 'code')) : '';
  if (code === 'ENOENT') return new LongshoreError('backup_missing', 'There is no such backup file.');
  return code.startsWith('Z_') ? damaged(messageOf(error), error) : error;
}

function parse(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString('utf8'));
  } catch (error) {
    throw damaged('a line is not JSON', error);
  }
}

function parseManifest(line: Buffer): BackupManifest {
  const value = parse(line);
  const version: unknown =
    typeof value === 'object' && value !== null ? Reflect.get(value, 'longshore_backup') : undefined;
  if (typeof version !== 'number') throw damaged('it does not begin like a backup of Longshore');
  if (version === BACKUP_VERSION) return value as BackupManifest;
  throw new LongshoreError('backup_too_new', `The backup has format ${version}.`, {
    hint: `This release reads format ${BACKUP_VERSION}. Use the release that made the backup, or a later one.`,
  });
}

function isEnd(value: unknown): value is BackupEnd {
  return typeof value === 'object' && value !== null && 'end' in value;
}

function asRow(value: unknown, manifest: BackupManifest): BackupRow {
  const row = value as Partial<BackupRow> | null;
  const table = manifest.tables[row?.t ?? -1];
  if (!table || !Array.isArray(row?.r) || row.r.length !== table.columns.length) throw damaged('a row does not fit');
  return row as BackupRow;
}
