import type { CheckedReplica } from '@/lib/http/api-types.ts';
import { paint, printLine, type Terminal } from './terminal.ts';

/** One copy, read back: `=` same, `-` missing, `*` differs, `!` could not be read. */
export type Mark = CheckedReplica['mark'];

export interface VerifiedDataset {
  dataset_id: string;
  replicas: CheckedReplica[];
  /** Why the dataset could not be verified at all. */
  error?: { code: string; message: string };
}

export interface VerifySummary {
  datasets: number;
  copies: number;
  same: number;
  missing: number;
  differing: number;
  errors: number;
}

const STYLES = { '=': 'green', '-': 'red', '*': 'red', '!': 'yellow' } as const;

export function printVerified(terminal: Terminal, { dataset_id, replicas, error }: VerifiedDataset): void {
  for (const { mark, provider, bucket, key, message } of replicas) {
    const problem = message === null ? '' : `  ${message}`;
    printLine(
      terminal,
      `${paint(terminal, STYLES[mark], mark)} ${dataset_id}  ${provider}  ${bucket}/${key}${problem}`,
    );
  }
  if (error !== undefined) printLine(terminal, `${paint(terminal, STYLES['!'], '!')} ${dataset_id}  ${error.message}`);
}

export function summaryOf(results: readonly VerifiedDataset[]): VerifySummary {
  const marks = results.flatMap(({ replicas }) => replicas.map(({ mark }) => mark));
  const count = (wanted: Mark) => marks.filter((mark) => mark === wanted).length;
  return {
    datasets: results.length,
    copies: marks.length,
    same: count('='),
    missing: count('-'),
    differing: count('*'),
    errors: count('!') + results.filter(({ error }) => error !== undefined).length,
  };
}

export function summaryLine({ datasets, copies, same, missing, differing, errors }: VerifySummary): string {
  const counted = `${copies} ${copies === 1 ? 'copy' : 'copies'} of ${datasets} ${datasets === 1 ? 'dataset' : 'datasets'}`;
  return `${counted}: ${same} same, ${missing} missing, ${differing} different, ${errors} ${errors === 1 ? 'error' : 'errors'}`;
}

/** True when every copy of every dataset is what was stored. */
export function allSame({ missing, differing, errors }: VerifySummary): boolean {
  return missing + differing + errors === 0;
}
