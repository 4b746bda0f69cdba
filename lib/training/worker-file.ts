import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot } from '@/lib/config/entry-points.ts';

export interface WorkerFile {
  bytes: Buffer;
  sha256: string;
}

/** Where the worker is: beside its source, or as the build placed it. */
export function workerPath(): string {
  const source = join(projectRoot(), 'lib', 'training', 'training_server.py');
  return existsSync(source) ? source : join(projectRoot(), 'dist', 'training_server.py');
}

/** The worker that machines fetch and run. It holds no secret: anybody may have it. */
export async function readWorkerFile(path = workerPath()): Promise<WorkerFile> {
  const bytes = await readFile(path);
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
}
