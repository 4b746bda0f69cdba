import { LongshoreError } from '@/lib/errors.ts';
import type { RecordSlice } from '@/lib/ingest/block-reader.ts';
import type { OpenReplica } from '@/lib/placement/replica-reader.ts';
import { ByteSource } from '@/lib/streams/byte-source.ts';
import { gunzipMembers } from '@/lib/streams/gunzip.ts';

const LINE_FEED = 10;

/**
 * Records of an object without a block index: read from its beginning, and no further than the window's end. `total` is
 * then only what was seen.
 */
export async function scanRecords(
  { replica, service }: OpenReplica,
  window: { offset: number; limit: number },
): Promise<RecordSlice> {
  const { body } = await service.get(replica.objectKey, { versionId: replica.versionId ?? undefined });
  const records: string[] = [];
  let seen = 0;
  for await (const line of linesOf(gunzipMembers(await asGzip(body)))) {
    if (seen >= window.offset) records.push(asJson(line.toString('utf8'), seen + 1));
    seen += 1;
    if (records.length >= window.limit) break;
  }
  return { records, offset: window.offset, total: seen };
}

/** An application from before Longshore may have stored anything. */
async function asGzip(body: AsyncIterable<Uint8Array>): Promise<ByteSource> {
  const source = new ByteSource(body);
  const head = await source.peek(2);
  if (head[0] === 0x1f && head[1] === 0x8b) return source;
  await source.close();
  throw new LongshoreError('not_gzip', 'The object of this dataset is not gzip, so its records cannot be shown.', {
    hint: 'Download it as it is, or upload it again to have it checked and compressed.',
  });
}

function asJson(line: string, number: number): string {
  try {
    JSON.parse(line);
    return line;
  } catch (cause) {
    throw new LongshoreError('not_jsonl', `Line ${number} of this dataset is not JSON, so it cannot be shown.`, {
      hint: 'Download it as it is, or upload it again to see what is wrong with it.',
      cause,
    });
  }
}

/** Lines that are not blank, without their line feed. The last one may lack it. */
async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  for await (const chunk of chunks) {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let end = rest.indexOf(LINE_FEED); end !== -1; end = rest.indexOf(LINE_FEED)) {
      const line = Buffer.concat([...parts, rest.subarray(0, end)]);
      parts = [];
      if (line.length > 0) yield line;
      rest = rest.subarray(end + 1);
    }
    if (rest.length > 0) parts.push(Buffer.from(rest));
  }
  const last = Buffer.concat(parts);
  if (last.length > 0) yield last;
}
