import { open, readFile, rename, rm } from 'node:fs/promises';
import type { UploadJournal, UploadState } from '@/lib/storage/storage-service.ts';

/** A journal in a file, as durable as the contract wants it: survives the kill of its process at any instant. */
export function fileJournal(path: string): UploadJournal {
  return {
    load: async () => {
      const text = await readFile(path, 'utf8').catch(() => undefined);
      return text === undefined ? undefined : (JSON.parse(text) as UploadState);
    },
    save: async (state) => {
      const handle = await open(`${path}.new`, 'w');
      await handle.writeFile(JSON.stringify(state));
      await handle.sync();
      await handle.close();
      await rename(`${path}.new`, path);
    },
    clear: () => rm(path, { force: true }),
  };
}
