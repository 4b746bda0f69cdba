import { readWorkerFile } from '@/lib/training/worker-file.ts';

/** The worker, with its hash. */
export async function workerFileResponse(): Promise<Response> {
  const { bytes, sha256 } = await readWorkerFile();
  return new Response(new Uint8Array(bytes), {
    headers: {
      'Content-Type': 'text/x-python; charset=utf-8',
      'Cache-Control': 'no-cache',
      'X-Content-Sha256': sha256,
    },
  });
}
