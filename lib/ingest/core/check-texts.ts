import type { Code } from './catalogue.ts';
import { markerFlags } from './markers.ts';
import type { RecordContext } from './record.ts';
import { FLAG, NODE, TYPE } from './tape.ts';
import { decodeToScratch } from './text.ts';

const LESS_THAN = 0x3c;

/** What flags of strings and numbers are worth a warning. */
const WARNINGS: readonly { flag: number; code: Code }[] = [
  { flag: FLAG.nul, code: 'W_NUL' },
  { flag: FLAG.control, code: 'W_CONTROL' },
  { flag: FLAG.replacement, code: 'W_REPLACEMENT_CHAR' },
  { flag: FLAG.special, code: 'W_SPECIAL_TOKENS' },
  { flag: FLAG.placeholder, code: 'W_PLACEHOLDER' },
  { flag: FLAG.toolText, code: 'W_TEXT_TOOL_CALLS' },
  { flag: FLAG.imprecise, code: 'W_NUMBER_PRECISION' },
  { flag: FLAG.reservedNova, code: 'W_RESERVED_NOVA' },
];
const ALL = WARNINGS.reduce((flags, { flag }) => flags | flag, 0);

/** Reports what the scanner noticed about the record's values. */
export function checkTexts(record: RecordContext): void {
  const { tape } = record;
  if ((tape.flags & (ALL | FLAG.escapedMarker)) === 0) return;
  const end = tape.isContainer(record.root) ? tape.limit(record.root) : record.root + NODE;
  for (let node = record.root; node < end; node += NODE) {
    if (tape.type(node) === TYPE.key) continue;
    let flags = tape.flagsOf(node) & ALL;
    if (tape.type(node) === TYPE.string && tape.has(node, FLAG.escapedMarker))
      flags |= escapedMarkers(record, node) & ALL;
    if (flags === 0) continue;
    for (const { flag, code } of WARNINGS) if ((flags & flag) !== 0) record.report(code, node);
  }
}

/** Markers of a text whose `<` are written as escapes, as Go and some browsers do. */
function escapedMarkers(record: RecordContext, node: number): number {
  const { workspace, tape } = record;
  const { start, end } = decodeToScratch(workspace, tape.start(node), tape.end(node));
  const { view } = workspace;
  let flags = 0;
  for (let p = start; p < end; p++) if (view.getUint8(p) === LESS_THAN) flags |= markerFlags(view, p, LESS_THAN);
  return flags;
}
