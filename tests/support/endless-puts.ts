/** A process for kill tests: `endless-puts.ts ROOT PREFIX` puts objects, four at a time, and prints each acknowledged key. */
import { randomBytes, randomInt } from 'node:crypto';
import { writeSync } from 'node:fs';
import { FilesystemStorageService } from '@/lib/storage/filesystem-storage-service.ts';
import { FileUrlSigner } from '@/lib/storage/signed-file-url.ts';
import { bufferBody } from '@/lib/streams/replayable-body.ts';

const [root = '', prefix = ''] = process.argv.slice(2);
const signer = new FileUrlSigner({ publicUrl: 'http://files.test', keys: [{ id: 'k', secret: randomBytes(32) }] });
const store = await FilesystemStorageService.open({ root, signer });
let count = 0;

async function putForEver(): Promise<never> {
  for (;;) {
    const key = `${prefix}/${++count}.bin`;
    const fill = randomInt(256);
    await store.put(key, bufferBody(Buffer.alloc(randomInt(3_000_000), fill)), { metadata: { fill: String(fill) } });
    writeSync(1, `${key}\n`);
  }
}

await Promise.all([putForEver(), putForEver(), putForEver(), putForEver()]);
