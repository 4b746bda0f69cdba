import { finding } from '@/lib/ingest/fatal-finding.ts';
import type { ContainerStep, Finding } from '@/lib/ingest/types.ts';

const COMPRESSION = new Map([
  ['gz', 'gzip'],
  ['gzip', 'gzip'],
  ['zst', 'zstd'],
  ['zstd', 'zstd'],
  ['zip', 'zip'],
]);

/** What a file of this extension usually holds. */
const CONTENT = new Map([
  ['jsonl', ['jsonl']],
  ['ndjson', ['jsonl']],
  ['json', ['json_array', 'json_object', 'json_wrapper']],
  ['csv', ['csv']],
  ['tsv', ['tsv']],
  ['txt', ['txt']],
  ['text', ['txt']],
  ['md', ['txt']],
  ['parquet', ['parquet']],
]);

/** The extension that speaks of the content, in lower case: `csv` for `Data.CSV.gz`. Empty when there is none. */
export function contentExtension(fileName: string): string {
  const [last, ...before] = extensionsOf(fileName);
  return (last !== undefined && COMPRESSION.has(last) ? before[0] : last) ?? '';
}

/** An extension is a claim; the content wins, and a wrong claim is told. */
export function checkExtension(fileName: string, steps: readonly ContainerStep[]): Finding | undefined {
  const types = steps.map((step) => step.type);
  const [last] = extensionsOf(fileName);
  const compression = last === undefined ? undefined : COMPRESSION.get(last);
  const content = CONTENT.get(contentExtension(fileName));
  const found = types.join(' with ');
  const wrong = compression !== undefined && !types.includes(compression) ? compression : undefined;
  const claimed =
    wrong ?? (content?.some((type) => types.includes(type)) === false ? contentExtension(fileName) : undefined);
  const uncounted = compression === undefined && last !== undefined && CONTENT.has(last) && isCompressed(types);
  if (claimed === undefined && !uncounted) return undefined;
  const message = `The name says ${claimed ?? last}, the content is ${found}. The content was believed.`;
  return finding('I_EXTENSION', 'info', message);
}

function isCompressed(types: readonly string[]): boolean {
  return types.some((type) => [...COMPRESSION.values()].includes(type));
}

/** From the last to the first. */
function extensionsOf(fileName: string): string[] {
  const name = fileName.slice(Math.max(fileName.lastIndexOf('/'), fileName.lastIndexOf('\\')) + 1);
  return name.toLowerCase().split('.').slice(1).reverse();
}
