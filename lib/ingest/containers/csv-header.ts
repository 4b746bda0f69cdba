import { FatalFinding } from '@/lib/ingest/fatal-finding.ts';

export interface CsvHeader {
  names: string[];
  delimiter: string;
  /** Bytes before the first row of data, and the line where that starts. */
  sizeBytes: number;
  firstLine: number;
  /** Columns that were renamed to lower case, as they stand in the file. */
  lowered: string[];
  /** The delimiter was found out, not expected. */
  guessed: boolean;
}

const DELIMITERS = [',', ';', '\t', '|'];
const SAMPLE_ROWS = 50;
const MAX_NAME_LENGTH = 64;

/** Column names that datasets use. One of them makes a first row a header beyond doubt. */
const KNOWN_NAMES = new Set(
  (
    'messages conversations conversation dialogue text content document sentence prompt completion response instruction input ' +
    'output system history question answer context article choices query responses chosen rejected label labels target ' +
    'sentiment intent category premise hypothesis reward score chosen_response rejected_response preferred_output ' +
    'non_preferred_output completions tools answers image images id generation ground_truth solution system_prompt title'
  ).split(' '),
);

/**
 * Finds header and delimiter in the first bytes of a file. A file without a header is refused, because its first record
 * would be lost as names.
 *
 * @throws FatalFinding E_CSV_HEADER, E_CSV_HEADER_DUPLICATE or E_CSV_HEADER_EMPTY.
 */
export function readCsvHeader(head: Uint8Array, options: { tabs: boolean }): CsvHeader {
  const text = Buffer.from(head).toString('utf8');
  const declared = /^sep=(.)\r?\n/.exec(text);
  const skipped = declared?.[0] ?? '';
  const expected = declared?.[1] ?? (options.tabs ? '\t' : ',');
  const body = text.slice(skipped.length).replace(/^(\s*\n)+/, '');
  const before = text.length - body.length;
  const best = chooseDelimiter(body, expected, declared !== null);
  const header = checkNames(best.rows[0]?.cells ?? []);
  const headText = text.slice(0, before + (best.rows[0]?.end ?? 0));
  return {
    ...header,
    delimiter: best.delimiter,
    sizeBytes: Buffer.byteLength(headText),
    firstLine: 1 + headText.split('\n').length - 1,
    guessed: best.delimiter !== expected,
  };
}

interface Sample {
  delimiter: string;
  rows: Row[];
}

interface Row {
  cells: string[];
  /** Where the text goes on after the row. */
  end: number;
}

function chooseDelimiter(body: string, expected: string, declared: boolean): Sample {
  const candidates = declared ? [expected] : [expected, ...DELIMITERS.filter((delimiter) => delimiter !== expected)];
  const samples = candidates.map((delimiter) => ({ delimiter, rows: parseRows(body, delimiter) }));
  const best = samples.toSorted((a, b) => plausibility(b) - plausibility(a))[0];
  if (best === undefined) throw new Error('no delimiter to try');
  return best;
}

/** Sorting is stable, so the expected delimiter wins where others are as plausible. */
function plausibility({ rows }: Sample): number {
  const columns = rows[0]?.cells.length ?? 0;
  const known = rows[0]?.cells.some(isKnown) ? 2 : 0;
  const consistent = columns > 1 && rows.every(({ cells }) => cells.length === columns) ? 1 : 0;
  return columns > 1 ? known + consistent + 1 : known;
}

function isKnown(name: string): boolean {
  return KNOWN_NAMES.has(name.trim().toLowerCase());
}

function checkNames(cells: readonly string[]): { names: string[]; lowered: string[] } {
  const given = cells.map((cell) => cell.trim());
  if (!given.some(isKnown) && !given.every(looksLikeName)) throw noHeader(given);
  if (given.includes('')) throw badHeader('E_CSV_HEADER_EMPTY', 'A column has no name.', EMPTY_HINT);
  const names = given.map((name) => (isKnown(name) ? name.toLowerCase() : name));
  const duplicate = names.find((name, i) => names.indexOf(name) !== i);
  if (duplicate !== undefined) {
    throw badHeader('E_CSV_HEADER_DUPLICATE', `Two columns are named ${JSON.stringify(duplicate)}.`, DUPLICATE_HINT);
  }
  return { names, lowered: given.filter((name, i) => name !== names[i]) };
}

const EMPTY_HINT = 'Name it or remove it; pandas leaves an index column out with to_csv(..., index=False).';
const DUPLICATE_HINT = 'Give every column a name of its own.';

function looksLikeName(cell: string): boolean {
  return cell.length <= MAX_NAME_LENGTH && /^[\p{L}_][\p{L}\p{N}_.-]*( [\p{L}\p{N}_.-]+){0,2}$/u.test(cell);
}

function noHeader(cells: readonly string[]): FatalFinding {
  const message = `The first row does not look like column names (${cells.length} cells).`;
  return badHeader('E_CSV_HEADER', message, 'Put a header above the data, for example: prompt,completion');
}

function badHeader(code: string, message: string, hint: string): FatalFinding {
  return new FatalFinding(code, message, { line: 1, hint });
}

/** Whole rows of a sample; the last one counts only when its line ends or the sample is all there is. */
function parseRows(text: string, delimiter: string): Row[] {
  const rows: Row[] = [];
  let at = 0;
  while (at < text.length && rows.length < SAMPLE_ROWS) {
    const row = parseRow(text, at, delimiter);
    const cutOff = row.end >= text.length && rows.length > 0;
    if (!cutOff && (row.cells.length > 1 || row.cells[0] !== '')) rows.push(row);
    at = row.end;
  }
  return rows;
}

function parseRow(text: string, start: number, delimiter: string): Row {
  const cells: string[] = [];
  let at = start;
  for (;;) {
    const cell = parseCell(text, at, delimiter);
    cells.push(cell.value);
    at = cell.end + 1;
    if (text[cell.end] !== delimiter) return { cells, end: Math.min(at, text.length) };
  }
}

/** `end` is the position of the delimiter, of the line feed, or of the end. */
function parseCell(text: string, start: number, delimiter: string): { value: string; end: number } {
  const quoted = text[start] === '"' ? /"(?:[^"]|"")*(?:"|$)/y : undefined;
  if (quoted !== undefined) quoted.lastIndex = start;
  const match = quoted?.exec(text)?.[0];
  const from = start + (match?.length ?? 0);
  const end = indexOfEither(text, from, delimiter);
  const rest = text.slice(from, end).replace(/\r$/, '');
  const value = match === undefined ? rest : match.replace(/^"|"$/g, '').replaceAll('""', '"') + rest;
  return { value, end };
}

function indexOfEither(text: string, from: number, delimiter: string): number {
  const first = text.indexOf(delimiter, from);
  const lineFeed = text.indexOf('\n', from);
  const ends = [first, lineFeed].filter((position) => position !== -1);
  return ends.length === 0 ? text.length : Math.min(...ends);
}
