import { checkFile } from './check-file.ts';
import type { FromCheck, ToCheck } from './messages.ts';

/** Checks the files it is sent beside the page, so that the page stays quick. */
function answer(message: FromCheck): void {
  postMessage(message);
}

addEventListener('message', ({ data }: MessageEvent<ToCheck>) => {
  checkFile(data.file, {
    format: data.format,
    maxRecordBytes: data.maxRecordBytes,
    onProgress: (progress) => answer({ type: 'progress', ...progress }),
  }).then(
    (check) => answer({ type: 'done', check }),
    (error: unknown) => answer({ type: 'failed', message: error instanceof Error ? error.message : String(error) }),
  );
});
