import type { Upload } from '@/lib/datasets/uploads/upload-repository.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { type Problem, problemOf } from '@/lib/http/problem.ts';

export interface UploadResultJson {
  status: string;
  dataset_id?: string;
  problem?: Problem;
}

/** A dataset is named only when it is ready: before that, its making may still be taken back. */
export function uploadResult(upload: Upload, requestId: string): UploadResultJson {
  const { status, datasetId, problem } = upload;
  return {
    status,
    ...(status === 'ready' && datasetId !== null ? { dataset_id: datasetId } : {}),
    ...(problem === null ? {} : { problem: problemOf(storedProblem(problem), requestId) }),
  };
}

function storedProblem({ code, detail, hint, ...details }: Record<string, unknown>): LongshoreError {
  return new LongshoreError(String(code), String(detail), {
    hint: typeof hint === 'string' ? hint : undefined,
    details,
  });
}
