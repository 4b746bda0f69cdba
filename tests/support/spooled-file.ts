import { createHash, randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { IngestReport, SpooledDataset } from '@/lib/ingest/types.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** What ingest leaves for these records: a spool file and its report. For tests that begin after ingest. */
export async function spooledFile(
  folder: string,
  records: readonly unknown[],
): Promise<{ spooled: SpooledDataset; report: IngestReport }> {
  const content = Buffer.from(records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  const object = gzipSync(content);
  const path = join(folder, `${randomUUID()}.jsonl.gz`);
  await writeFile(path, object);
  const spooled: SpooledDataset = {
    path,
    objectSha256: sha256(object),
    objectSizeBytes: object.length,
    contentSha256: sha256(content),
    contentSizeBytes: content.length,
    records: records.length,
    blockIndex: {
      version: 1,
      objectOffsets: [10, object.length - 8],
      contentOffsets: [0, content.length],
      firstRecords: [0, records.length],
    },
  };
  return { spooled, report: acceptedReport(spooled) };
}

function acceptedReport(spooled: SpooledDataset): IngestReport {
  return {
    version: 1,
    outcome: 'accepted',
    kind: 'messages',
    source_formats: [{ format: 'messages', records: spooled.records }],
    style: null,
    container: [{ type: 'jsonl' }],
    source: { name: 'test.jsonl', size_bytes: spooled.contentSizeBytes, sha256: spooled.contentSha256 },
    content: { size_bytes: spooled.contentSizeBytes, sha256: spooled.contentSha256 },
    object: { size_bytes: spooled.objectSizeBytes, sha256: spooled.objectSha256 },
    normaliser_version: 1,
    records: { source: spooled.records, written: spooled.records, rejected: 0 },
    findings: [],
    counts: {},
    findings_truncated: false,
    scan_stopped: false,
    statistics: null,
    options: { format: 'auto', on_error: 'fail', max_error_ratio: 0 },
  };
}
