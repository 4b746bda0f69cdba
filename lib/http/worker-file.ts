import { z } from 'zod';
import type { WorkerFile } from '@/lib/training/worker-file.ts';

/** A machine names the worker that it was told to run. */
export const workerQuery = z.object({
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
});

/** The worker, with its hash. */
export function workerFileResponse({ bytes, sha256 }: WorkerFile): Response {
  return new Response(new Uint8Array(bytes), {
    headers: {
      'Content-Type': 'text/x-python; charset=utf-8',
      'Cache-Control': 'no-cache',
      'X-Content-Sha256': sha256,
    },
  });
}
