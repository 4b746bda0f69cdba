import type { FormatChoice } from '@/lib/ingest/types.ts';
import type { FileCheck } from './check-file.ts';

export interface ToCheck {
  file: File;
  format: FormatChoice;
  maxRecordBytes?: number;
}

export type FromCheck =
  | { type: 'progress'; records: number; bytes: number }
  | { type: 'done'; check: FileCheck }
  | { type: 'failed'; message: string };
