/** The grammar of JSON numbers, and whether a double can hold what is written. */

export interface ScannedNumber {
  /** Offset after the number, or -1 when the grammar is broken. */
  end: number;
  integer: boolean;
  imprecise: boolean;
  finite: boolean;
}

const SAFE_DIGITS = 15;
const SAFE_EXPONENT_DIGITS = 2;

/** Reused by the scanner; read right after `scanNumber`. */
export function newScannedNumber(): ScannedNumber {
  return { end: -1, integer: true, imprecise: false, finite: true };
}

/** Reads the number that begins at `from` (`-` or a digit). */
export function scanNumber(view: DataView, from: number, out: ScannedNumber): void {
  out.end = -1;
  out.integer = true;
  out.imprecise = false;
  out.finite = true;
  let p = view.getUint8(from) === 0x2d ? from + 1 : from;
  const intEnd = digits(view, p);
  if (intEnd === p || (view.getUint8(p) === 0x30 && intEnd > p + 1)) return;
  const digitsFrom = p;
  p = intEnd;
  if (view.getUint8(p) === 0x2e) {
    out.integer = false;
    const fractionEnd = digits(view, p + 1);
    if (fractionEnd === p + 1) return;
    p = fractionEnd;
  }
  const mantissa = p - digitsFrom;
  let exponent = 0;
  if ((view.getUint8(p) | 0x20) === 0x65) {
    out.integer = false;
    const sign = view.getUint8(p + 1);
    const exponentFrom = sign === 0x2b || sign === 0x2d ? p + 2 : p + 1;
    p = digits(view, exponentFrom);
    if (p === exponentFrom) return;
    exponent = p - exponentFrom;
  }
  out.end = p;
  if (mantissa > SAFE_DIGITS || exponent > SAFE_EXPONENT_DIGITS) checkPrecision(view, from, p, out);
}

function digits(view: DataView, from: number): number {
  let p = from;
  for (let c = view.getUint8(p); c >= 0x30 && c <= 0x39; c = view.getUint8(p)) p++;
  return p;
}

function checkPrecision(view: DataView, from: number, to: number, out: ScannedNumber): void {
  const text = asciiText(view, from, to);
  const value = Number(text);
  out.finite = Number.isFinite(value);
  out.imprecise = out.finite && !isExact(text, value, out.integer);
}

/** True when a reader that uses doubles writes the same digits again. */
function isExact(text: string, value: number, integer: boolean): boolean {
  if (integer) return Number.isSafeInteger(value);
  const written = significantDigits(text);
  if (written === '') return true;
  if (value === 0 || written.length > 100) return false;
  return significantDigits(value.toPrecision(Math.max(written.length, 1))) === written;
}

function significantDigits(text: string): string {
  const mantissa = text.replace(/[eE].*$/, '').replace(/[-.]/g, '');
  return mantissa.replace(/^0+/, '').replace(/0+$/, '');
}

function asciiText(view: DataView, from: number, to: number): string {
  let text = '';
  for (let p = from; p < to; p++) text += String.fromCharCode(view.getUint8(p));
  return text;
}
