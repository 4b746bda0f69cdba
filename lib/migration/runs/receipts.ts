import type { ItemQueries } from '@/lib/migration/runs/item-queries.ts';
import type { MigrationItem, ObjectPlace } from '@/lib/migration/types.ts';

/** What an auditor wants to see of one object that was moved. */
export interface Receipt {
  run_id: string;
  dataset_id: string;
  user_id: string;
  name: string;
  /** `provider://bucket/key`; null where the copy was found in place. */
  source: string | null;
  destination: string | null;
  bytes: number | null;
  source_sha256: string | null;
  destination_sha256: string | null;
  started_at: string | null;
  copied_at: string | null;
  verified_at: string | null;
  /** Of the last reading back: = - * ! */
  check: string | null;
}

const PAGE = 1000;
const COLUMNS: readonly (keyof Receipt)[] = [
  'run_id',
  'dataset_id',
  'user_id',
  'name',
  'source',
  'destination',
  'bytes',
  'source_sha256',
  'destination_sha256',
  'started_at',
  'copied_at',
  'verified_at',
  'check',
];

export type ReceiptFormat = 'jsonl' | 'csv';

export const RECEIPT_TYPES: Readonly<Record<ReceiptFormat, string>> = {
  jsonl: 'application/jsonl; charset=utf-8',
  csv: 'text/csv; charset=utf-8',
};

/** One receipt a line for every object that a run moved, page by page: memory is that of one page. */
export async function* receiptLines(items: ItemQueries, runId: string, format: ReceiptFormat): AsyncGenerator<string> {
  if (format === 'csv') yield `${COLUMNS.join(',')}\n`;
  const line = format === 'csv' ? csvLine : (receipt: Receipt) => `${JSON.stringify(receipt)}\n`;
  let after: string | undefined;
  do {
    const rows = await items.list(runId, { states: ['done'], after, limit: PAGE });
    const page = rows.slice(0, PAGE);
    yield page.map((item) => line(receiptOf(item))).join('');
    after = rows.length > PAGE ? page.at(-1)?.datasetId : undefined;
  } while (after !== undefined);
}

export function receiptOf(item: MigrationItem): Receipt {
  return {
    run_id: item.runId,
    dataset_id: item.datasetId,
    user_id: item.userId,
    name: item.name,
    source: item.sourceSha256 === null ? null : addressOf(item.source),
    destination: addressOf(item.destination),
    bytes: item.sizeBytes,
    source_sha256: item.sourceSha256,
    destination_sha256: item.destinationSha256,
    started_at: item.startedAt?.toISOString() ?? null,
    copied_at: item.copiedAt?.toISOString() ?? null,
    verified_at: item.verifiedAt?.toISOString() ?? null,
    check: item.checkMark,
  };
}

function addressOf(stored: MigrationItem['source']): string | null {
  if (stored === null) return null;
  const { provider, bucket, key } = stored as unknown as ObjectPlace;
  return `${provider}://${bucket}/${key}`;
}

function csvLine(receipt: Receipt): string {
  return `${COLUMNS.map((column) => csvField(receipt[column])).join(',')}\n`;
}

/** A name may begin like a formula: a spreadsheet must take it as text. */
function csvField(value: string | number | null): string {
  if (value === null) return '';
  const text = String(value);
  const safe = /^[=+\-@\t\r]/.test(text) && text.length > 1 ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
