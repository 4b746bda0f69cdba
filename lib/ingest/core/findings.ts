import { type Finding, MAX_FINDINGS } from '@/lib/ingest/types.ts';
import { type Code, type Detail, entryOf } from './catalogue.ts';
import type { CodeCount } from './contract.ts';

/** Listed warnings of one code in one batch. More are counted only, so that warnings never crowd out errors. */
const WARNINGS_PER_CODE = 50;

export interface Place {
  line: number | null;
  record: number | null;
  path: string | null;
  excerpt: string | null;
}

/** Counts every finding of a batch and lists as many as are useful. */
export class Findings {
  readonly list: Finding[] = [];
  private readonly tally = new Map<Code, number>();
  private readonly named = new Set<string>();

  /** Counts a finding. True when it should also be listed, which costs more. */
  count(code: Code, times = 1): boolean {
    const before = this.tally.get(code) ?? 0;
    this.tally.set(code, before + times);
    if (this.list.length >= MAX_FINDINGS) return false;
    const entry = entryOf(code);
    if (entry.targetsOnly === true) return false;
    if (entry.severity === 'error' || entry.severity === 'fatal') return true;
    return before < (entry.once === true ? 1 : WARNINGS_PER_CODE);
  }

  /** Counts a finding about something with a name. True only for the first of this name. */
  countNamed(code: Code, name: string): boolean {
    const key = `${code} ${name}`;
    const isNew = !this.named.has(key);
    if (isNew && this.named.size < MAX_FINDINGS) this.named.add(key);
    return this.count(code) && isNew;
  }

  add(code: Code, place: Place, detail: Detail, hint?: string): void {
    const entry = entryOf(code);
    this.list.push({
      code,
      severity: entry.severity,
      line: place.line,
      record: place.record,
      path: place.path,
      message: entry.message(detail),
      hint: hint ?? entry.hint,
      excerpt: place.excerpt,
    });
  }

  counts(): Record<string, CodeCount> {
    const counts: Record<string, CodeCount> = {};
    for (const [code, count] of this.tally) counts[code] = { severity: entryOf(code).severity, count };
    return counts;
  }
}

const RANK = { fatal: 0, error: 1, warning: 2, info: 3 } as const;

/**
 * Joins the findings of two consecutive stretches of a file. At most MAX_FINDINGS stay: errors before warnings before
 * infos, the earlier before the later. Findings that are said once for a file appear once.
 */
export function mergeFindings(kept: readonly Finding[], next: readonly Finding[]): Finding[] {
  const once = new Set(kept.filter(isSaidOnce).map((finding) => finding.code));
  const all = [...kept];
  for (const finding of next) {
    if (isSaidOnce(finding) && once.has(finding.code)) continue;
    if (isSaidOnce(finding)) once.add(finding.code);
    all.push(finding);
  }
  if (all.length <= MAX_FINDINGS) return all;
  const ranked = all.map((finding, place) => ({ finding, place }));
  ranked.sort((a, b) => RANK[a.finding.severity] - RANK[b.finding.severity] || a.place - b.place);
  const best = ranked.slice(0, MAX_FINDINGS).sort((a, b) => a.place - b.place);
  return best.map(({ finding }) => finding);
}

function isSaidOnce(finding: Finding): boolean {
  return finding.severity === 'info';
}

/** At most 80 code points of a text, control characters escaped. */
export function excerptOf(text: string): string {
  const points = Array.from(text.slice(0, 400));
  const short = points.length > 80 ? [...points.slice(0, 79), '…'] : points;
  return short.map(escapedControl).join('');
}

function escapedControl(c: string): string {
  if (!isControl(c)) return c;
  return SHORT_ESCAPES[c] ?? `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function isControl(c: string): boolean {
  const code = c.charCodeAt(0);
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code === 0x2028 || code === 0x2029 || code === 0xfeff;
}
