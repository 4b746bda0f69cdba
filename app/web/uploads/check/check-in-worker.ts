import type { FileCheck } from './check-file.ts';
import type { FromCheck, ToCheck } from './messages.ts';

export interface CheckRun {
  /** Undefined: it could not be checked here, and the server will. */
  result: Promise<FileCheck | undefined>;
  stop(): void;
}

/** Checks a file in a thread of its own. What cannot be read here is no fault of the file. */
export function checkInWorker(
  task: ToCheck,
  onProgress: (progress: { records: number; bytes: number }) => void,
): CheckRun {
  const worker = new Worker(new URL('./check.worker.ts', import.meta.url), { type: 'module' });
  const result = new Promise<FileCheck | undefined>((resolve) => {
    worker.addEventListener('message', ({ data }: MessageEvent<FromCheck>) => {
      if (data.type === 'progress') onProgress(data);
      else resolve(data.type === 'done' ? data.check : undefined);
    });
    worker.addEventListener('error', () => resolve(undefined));
    worker.postMessage(task);
  });
  void result.finally(() => worker.terminate());
  return { result, stop: () => worker.terminate() };
}
