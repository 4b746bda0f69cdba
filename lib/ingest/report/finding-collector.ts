import type { CodeCount } from '@/lib/ingest/core/contract.ts';
import { type Finding, MAX_FINDINGS, type Severity } from '@/lib/ingest/types.ts';

const ORDER: readonly Severity[] = ['fatal', 'error', 'warning', 'info'];
/** The first of each code are kept even when its severity has used up its room: one example says more than a count. */
const KEPT_PER_CODE = 10;

/**
 * Keeps at most MAX_FINDINGS and counts all. When there are more, errors go before warnings and rare codes before
 * frequent ones, so that the one error among thousands of warnings is there. Findings about places MUST come in source
 * order; what is about the whole file may come at any time and stands first.
 */
export class FindingCollector {
  readonly #counts = new Map<string, CodeCount>();
  readonly #kept: Record<Severity, { finding: Finding; position: number; early: boolean }[]> = {
    fatal: [],
    error: [],
    warning: [],
    info: [],
  };
  readonly #keptOfCode = new Map<string, number>();
  #position = 0;

  /** Counts and keeps. */
  add(finding: Finding): void {
    this.count(finding.code, { severity: finding.severity, count: 1 });
    this.keep(finding);
  }

  /** A code that is an error of records and, above a share, fatal for the file counts as the worst it was. */
  count(code: string, { severity, count }: CodeCount): void {
    const known = this.#counts.get(code) ?? { severity, count: 0 };
    known.count += count;
    known.severity = worse(known.severity, severity);
    this.#counts.set(code, known);
  }

  /** Keeps a finding that was counted elsewhere. */
  keep(finding: Finding): void {
    const ofCode = this.#keptOfCode.get(finding.code) ?? 0;
    const list = this.#kept[finding.severity];
    const early = ofCode < KEPT_PER_CODE;
    const aboutFile = finding.line === null && finding.record === null;
    this.#position++;
    if (!early && list.length >= MAX_FINDINGS) return;
    this.#keptOfCode.set(finding.code, ofCode + 1);
    list.push({ finding, position: aboutFile ? 0 : this.#position, early });
  }

  /** False when a finding of this code would not be kept, so that nobody needs to make it. */
  wants(code: string, severity: Severity): boolean {
    return this.#kept[severity].length < MAX_FINDINGS || (this.#keptOfCode.get(code) ?? 0) < KEPT_PER_CODE;
  }

  /** Errors and fatal findings so far. */
  get errors(): number {
    return this.countOf('error') + this.countOf('fatal');
  }

  countOf(severity: Severity): number {
    let total = 0;
    for (const entry of this.#counts.values()) if (entry.severity === severity) total += entry.count;
    return total;
  }

  countOfCode(code: string): number {
    return this.#counts.get(code)?.count ?? 0;
  }

  result(): { findings: Finding[]; counts: Record<string, CodeCount>; truncated: boolean } {
    const all = ORDER.flatMap((severity) => this.#kept[severity]);
    const preferred = [...all.filter((k) => k.early), ...all.filter((k) => !k.early)].slice(0, MAX_FINDINGS);
    preferred.sort((a, b) => a.position - b.position);
    const counted = [...this.#counts.values()].reduce((sum, { count }) => sum + count, 0);
    return {
      findings: preferred.map((k) => k.finding),
      counts: Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1))),
      truncated: counted > preferred.length,
    };
  }
}

function worse(a: Severity, b: Severity): Severity {
  return ORDER.indexOf(a) <= ORDER.indexOf(b) ? a : b;
}
