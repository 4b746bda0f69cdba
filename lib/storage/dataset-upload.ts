import { tmpdir } from 'node:os';
import { Readable } from 'node:stream';
import { datasetObjectKey } from '@/lib/storage/object-key.ts';
import type { ReplayableBody, StorageService } from '@/lib/storage/storage-service.ts';
import { blobBody } from '@/lib/streams/replayable-body.ts';
import { spoolStream } from '@/lib/streams/spool-stream.ts';

/** What a dataset may come as. A stream can be read once only, so it is kept in a file while it is uploaded. */
export type DatasetBody = Blob | Readable | ReplayableBody;

export interface DatasetAddress {
  userId: string;
  datasetId: string;
  /** Default: the system's temporary folder. */
  spoolFolder?: string;
}

/** Puts a compressed dataset under its usual key, with the type and identity that every copy carries. */
export async function putDataset(service: StorageService, body: DatasetBody, address: DatasetAddress): Promise<string> {
  const { userId, datasetId } = address;
  const key = datasetObjectKey(service.provider, userId, datasetId);
  const metadata = { 'user-id': userId, 'dataset-id': datasetId };
  const put = (replayable: ReplayableBody) =>
    service.put(key, replayable, { contentType: 'application/gzip', metadata });
  if (body instanceof Blob) await put(blobBody(body));
  else if (!(body instanceof Readable)) await put(body);
  else {
    const spooled = await spoolStream(body, address.spoolFolder ?? tmpdir());
    await put(spooled.body).finally(spooled.dispose);
  }
  return key;
}
