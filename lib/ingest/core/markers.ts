import { FLAG } from './tape.ts';

/** Texts inside a string that templates, processors or people treat as something else than text. */
const MARKERS: readonly { text: string; flag: number }[] = [
  { text: '</s>', flag: FLAG.special },
  { text: '<\\/s>', flag: FLAG.special },
  { text: '<s>', flag: FLAG.special },
  { text: '<<SYS>>', flag: FLAG.special },
  { text: '<</SYS>>', flag: FLAG.special },
  { text: '<bos>', flag: FLAG.special },
  { text: '<eos>', flag: FLAG.special },
  { text: '<pad>', flag: FLAG.special },
  { text: '<unk>', flag: FLAG.special },
  { text: '<start_of_turn>', flag: FLAG.special },
  { text: '<end_of_turn>', flag: FLAG.special },
  { text: '[INST]', flag: FLAG.special },
  { text: '[/INST]', flag: FLAG.special },
  { text: '[\\/INST]', flag: FLAG.special },
  { text: '[TOOL_CALLS]', flag: FLAG.special },
  { text: '[AVAILABLE_TOOLS]', flag: FLAG.special },
  { text: '[EOS]', flag: FLAG.special | FLAG.reservedNova },
  { text: '<image>', flag: FLAG.media | FLAG.reservedNova },
  { text: '<video>', flag: FLAG.media | FLAG.reservedNova },
  { text: '<audio>', flag: FLAG.media },
  { text: '<tool_call>', flag: FLAG.toolText },
  { text: '<tool_response>', flag: FLAG.toolText },
  { text: '<tools>', flag: FLAG.toolText },
  { text: '<functioncall>', flag: FLAG.toolText },
  { text: '{input}', flag: FLAG.placeholder },
  { text: '{instruction}', flag: FLAG.placeholder },
  { text: '{question}', flag: FLAG.placeholder },
  { text: '{context}', flag: FLAG.placeholder },
  { text: '{prompt}', flag: FLAG.placeholder },
  { text: '{output}', flag: FLAG.placeholder },
  { text: '{response}', flag: FLAG.placeholder },
];

/** Markers by their first two bytes, so that the usual `<` or `[` in text costs one look-up. */
const BY_PREFIX = new Map<number, { bytes: Uint8Array; flag: number }[]>();
for (const { text, flag } of MARKERS) {
  const bytes = new TextEncoder().encode(text);
  const prefix = ((bytes[0] as number) << 8) | (bytes[1] as number);
  BY_PREFIX.set(prefix, [...(BY_PREFIX.get(prefix) ?? []), { bytes, flag }]);
}

const LESS_THAN = 0x3c;
const BRACE = 0x7b;
const BRACKET = 0x5b;
const PIPE = 0x7c;
const COLON = 0x3a;
const LONGEST_NAME = 40;

/** What begins at `at`, where the byte `c` stands: flags, or 0 for ordinary text. */
export function markerFlags(view: DataView, at: number, c: number): number {
  if (c === COLON) return isSpeaker(view, at) ? FLAG.reservedNova : 0;
  if (c !== LESS_THAN && c !== BRACE && c !== BRACKET) return 0;
  const next = view.getUint8(at + 1);
  if (c === LESS_THAN && next === PIPE) return endsWithin(view, at + 2, PIPE, LESS_THAN + 2) ? FLAG.special : 0;
  if (c === BRACE && next === BRACE) return endsWithin(view, at + 2, BRACE + 2, BRACE + 2) ? FLAG.placeholder : 0;
  const candidates = BY_PREFIX.get((c << 8) | next);
  if (candidates === undefined) return 0;
  return candidates.find((marker) => matches(view, at, marker.bytes))?.flag ?? 0;
}

function matches(view: DataView, at: number, bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (view.getUint8(at + i) !== bytes[i]) return false;
  return true;
}

/** A name of letters, digits, `_`, `-`, `.` or spaces, then the two closing bytes. */
function endsWithin(view: DataView, from: number, close1: number, close2: number): boolean {
  for (let p = from; p < from + LONGEST_NAME; p++) {
    const c = view.getUint8(p);
    if (c === close1) return p > from && view.getUint8(p + 1) === close2;
    if (!isNameByte(c)) return false;
  }
  return false;
}

function isNameByte(c: number): boolean {
  const letter = c | 0x20;
  return (
    (letter >= 0x61 && letter <= 0x7a) ||
    (c >= 0x30 && c <= 0x39) ||
    c === 0x5f ||
    c === 0x2d ||
    c === 0x2e ||
    c === 0x20
  );
}

const USER = wordOf('User');
const SYSTEM_END = wordOf('stem');
const ASSISTANT_END = wordOf('tant');

function wordOf(text: string): number {
  return new DataView(new TextEncoder().encode(text).buffer).getInt32(0, true);
}

/** `User:`, `Bot:`, `Assistant:` or `System:`, which Amazon Nova reserves. The colon stands at `at`. */
function isSpeaker(view: DataView, at: number): boolean {
  const word = view.getInt32(at - 4, true);
  if (word === USER) return true;
  if (word === SYSTEM_END) return view.getUint8(at - 6) === 0x53 && view.getUint8(at - 5) === 0x79;
  if (word === ASSISTANT_END) return view.getUint8(at - 9) === 0x41;
  return word >>> 8 === 0x746f42;
}
