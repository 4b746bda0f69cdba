import type { Problem } from '../shared/api/types.ts';
import type { FileCheck } from './check/check-file.ts';

/** Where a file is on its way to a dataset. */
export type UploadStep =
  | { step: 'waiting' }
  | { step: 'checking'; records: number; bytes: number }
  /** The check found errors: nothing was sent, and a person decides. */
  | { step: 'refused' }
  | { step: 'sending'; sent: number; bytesPerSecond: number }
  | { step: 'paused'; sent: number }
  /** Begun before the page was loaded anew: the same file is needed to go on. */
  | { step: 'interrupted'; sent: number | undefined }
  /** All of it is there; the server reads and stores it. */
  | { step: 'storing' }
  | { step: 'done'; datasetId: string }
  | { step: 'failed'; problem: Problem };

export interface UploadItem {
  id: string;
  name: string;
  size: number;
  /** Undefined where it could not be checked here, and while it was not yet. */
  check: FileCheck | undefined;
  state: UploadStep;
}

/** A page load may not take these away without a word. */
export function isActive({ state }: UploadItem): boolean {
  return state.step === 'sending' || state.step === 'checking' || state.step === 'waiting';
}
