import { FatalFinding } from '@/lib/ingest/fatal-finding.ts';

/** Bytes that are no text, where text was expected. */
class Binary {}

/** The decoder refuses what is not UTF-8 and keeps a byte order mark: nothing may change without a word. */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(bytes: Uint8Array): string | Binary {
  try {
    return decoder.decode(bytes);
  } catch {
    return new Binary();
  }
}

/** ISO 8601 with as many digits of the second as the value has. */
function timestamp(value: bigint, perSecond: bigint): string {
  const seconds = value >= 0n ? value / perSecond : (value - perSecond + 1n) / perSecond;
  const date = new Date(Number(seconds) * 1000);
  if (Number.isNaN(date.getTime())) return String(value);
  const digits = String(perSecond).length - 1;
  const fraction = String(value - seconds * perSecond).padStart(digits, '0');
  return date.toISOString().replace('.000Z', `.${fraction}Z`);
}

/** Missing values are null or undefined; what is there is converted. */
function present<T, R>(convert: (value: T) => R): (value: T | null | undefined) => R | undefined {
  return (value) => (value === null || value === undefined ? undefined : convert(value));
}

/** How values become what JSON can say, without loss. */
export const PARSERS = {
  stringFromBytes: present(textOf),
  jsonFromBytes: present(textOf),
  timestampFromMilliseconds: present((value: bigint) => timestamp(BigInt(value), 1000n)),
  timestampFromMicroseconds: present((value: bigint) => timestamp(BigInt(value), 1_000_000n)),
  timestampFromNanoseconds: present((value: bigint) => timestamp(BigInt(value), 1_000_000_000n)),
  dateFromDays: present((days: number) => new Date(days * 86_400_000).toISOString().slice(0, 10)),
};

/**
 * Writes rows as JSON. Missing values are left out, because in Parquet every row has every column: `null` there only says
 * that this row has none.
 */
export class RowWriter {
  /** Values that JSON cannot say, written as null. */
  notFinite = 0;

  row(row: object): string {
    return this.#object(row, '$');
  }

  #value(value: unknown, path: string): string | undefined {
    if (value === null || value === undefined) return undefined;
    if (typeof value === 'string') return JSON.stringify(value);
    if (typeof value === 'number') return this.#number(value);
    if (typeof value === 'bigint' || typeof value === 'boolean') return String(value);
    if (Array.isArray(value)) return this.#list(value, path);
    if (value instanceof Binary || ArrayBuffer.isView(value)) throw binary(path);
    return this.#object(value, path);
  }

  #number(value: number): string {
    if (Number.isFinite(value)) return Object.is(value, -0) ? '-0' : String(value);
    this.notFinite++;
    return 'null';
  }

  #list(values: readonly unknown[], path: string): string {
    return `[${values.map((value) => this.#value(value, `${path}[]`) ?? 'null').join(',')}]`;
  }

  #object(value: object, path: string): string {
    const members: string[] = [];
    for (const [key, member] of Object.entries(value)) {
      const text = this.#value(member, `${path}.${key}`);
      if (text !== undefined) members.push(`${JSON.stringify(key)}:${text}`);
    }
    return `{${members.join(',')}}`;
  }
}

function binary(path: string): FatalFinding {
  return new FatalFinding('E_PARQUET_BINARY', `The column ${path} holds binary data, which JSON records cannot.`, {
    hint: 'Leave the column out, or store images and audio as files and keep their paths or URLs.',
  });
}
