import type { Code, Detail } from './catalogue.ts';
import { MAX_DEPTH, MAX_NODES, type ScanFault } from './scanner.ts';
import type { Workspace } from './workspace.ts';

export interface FaultReport {
  code: Code;
  detail: Detail;
  hint: string | undefined;
}

/** What a scan stumbled over. A line break within a string is told from other control characters. */
type Stumble = ScanFault | 'line_end';

const PROBLEMS: Readonly<Partial<Record<Stumble, string>>> = {
  unterminated: 'a string is not closed',
  control: 'a raw control character stands in a string',
  line_end: 'the line ends within a string',
  escape: 'an escape is not one of \\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX',
  value: 'a value was expected',
  key: 'a key in double quotes was expected',
  colon: 'a colon was expected after the key',
  comma: 'a comma or a closing bracket was expected',
  trailing_comma: 'a comma stands before a closing bracket',
  number: 'this is not a JSON number',
};

const TEXTUAL_HINTS: readonly { pattern: RegExp; hint: string }[] = [
  {
    pattern: /^(NaN|-?Infinity|nan|inf)/,
    hint: 'JSON has no NaN and no Infinity (Python writes them): use null or a number.',
  },
  {
    pattern: /^(None|True|False)\b/,
    hint: 'This is Python, not JSON: write the file with json.dumps, not with str().',
  },
  { pattern: /^'/, hint: 'JSON needs double quotes: write the file with json.dumps, not with str().' },
  { pattern: /^\/[/*]/, hint: 'JSON has no comments: remove them.' },
  { pattern: /^\uFEFF/, hint: 'U+FEFF before JSON: files were joined with their byte order marks. Remove it.' },
  { pattern: /^[A-Za-z_$][\w$]*\s*:/, hint: 'Keys need double quotes.' },
  { pattern: /^undefined\b/, hint: 'JSON has no undefined: use null or leave the key out.' },
];

const FIXED_HINTS: Readonly<Partial<Record<Stumble, string>>> = {
  unterminated: 'The line is cut off, or a quote in the text is not written as \\".',
  control: 'Write line breaks as \\n and tabs as \\t.',
  line_end: 'The line is cut off, or a line break in the text is not written as \\n.',
  escape: 'Write a backslash as \\\\.',
  trailing_comma: 'Remove the comma.',
  number: 'No leading zeros, no +, no hexadecimal, digits on both sides of the point.',
};

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The code of a fault, without looking for where it is. */
export function codeOfFault(fault: ScanFault): Code {
  return CODES[fault] ?? 'E_JSON_SYNTAX';
}

const CODES: Readonly<Partial<Record<ScanFault, Code>>> = {
  duplicate: 'E_JSON_DUPLICATE_KEY',
  depth: 'E_JSON_DEPTH',
  nodes: 'E_RECORD_TOO_LARGE',
  range: 'E_NUMBER_RANGE',
  surrogate: 'E_LONE_SURROGATE',
  utf8: 'E_UTF8',
};

/** Says what is wrong where a scan failed. `recordStart` is the first byte of the line or record. */
export function explainFault(workspace: Workspace, fault: ScanFault, at: number, recordStart: number): FaultReport {
  const code = codeOfFault(fault);
  if (fault === 'depth') return { code, detail: { limit: MAX_DEPTH }, hint: undefined };
  if (fault === 'nodes') return { code, detail: { limit: `${MAX_NODES} values` }, hint: undefined };
  if (fault === 'utf8') return { code, detail: { offset: at - recordStart }, hint: undefined };
  if (code !== 'E_JSON_SYNTAX') return { code, detail: {}, hint: undefined };
  return syntaxFault(workspace, fault, at, recordStart);
}

function syntaxFault(workspace: Workspace, fault: ScanFault, at: number, recordStart: number): FaultReport {
  const rest = decoder.decode(workspace.bytes.subarray(at, Math.min(at + 40, workspace.inputEnd)));
  const atEnd = at >= workspace.inputEnd || workspace.view.getUint8(at) === 0x0a;
  const textual = TEXTUAL_HINTS.find(({ pattern }) => pattern.test(rest))?.hint;
  const kind = atEnd && fault === 'control' ? 'line_end' : fault;
  const early = atEnd && kind !== 'line_end';
  const problem = early ? 'the record ends too early' : (PROBLEMS[kind] ?? 'unexpected character');
  return {
    code: 'E_JSON_SYNTAX',
    detail: { column: columnOf(workspace, recordStart, at), problem },
    hint:
      textual ?? FIXED_HINTS[kind] ?? (atEnd ? 'The line is cut off: one record must stand on one line.' : undefined),
  };
}

/** 1-based column in code points. */
export function columnOf(workspace: Workspace, lineStart: number, at: number): number {
  let column = 1;
  for (let p = lineStart; p < at; p++) if ((workspace.view.getUint8(p) & 0xc0) !== 0x80) column++;
  return column;
}
