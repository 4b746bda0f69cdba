import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useRef, useState } from 'react';
import { DetailedError, Upload } from 'tus-js-client';
import { ApiProblem, api } from '../shared/api/client.ts';
import type { Problem } from '../shared/api/types.ts';

const CHUNK_BYTES = 8 * 1024 * 1024;
const RETRY_DELAYS_MS = [0, 500, 1000, 3000, 5000, 10_000];

export type UploadState =
  | { step: 'idle' }
  | { step: 'sending' | 'paused'; name: string; sent: number; size: number; startedAt: number }
  | { step: 'checking'; name: string }
  | { step: 'done'; name: string; datasetId: string }
  | { step: 'failed'; name: string; problem: Problem };

interface UploadResult {
  status: 'receiving' | 'processing' | 'ready' | 'failed' | 'expired';
  dataset_id?: string;
  problem?: Problem;
}

export interface UploadControl {
  state: UploadState;
  start(file: File): void;
  pause(): void;
  resume(): void;
  reset(): void;
}

/** One resumable upload at a time. tus-js-client remembers its address, so a reload goes on with the same file. */
export function useUpload(): UploadControl {
  const [state, setState] = useState<UploadState>({ step: 'idle' });
  const upload = useRef<Upload | null>(null);
  const queries = useQueryClient();

  const start = useCallback(
    (file: File) => {
      const fail = (problem: Problem) => setState({ step: 'failed', name: file.name, problem });
      const startedAt = Date.now();
      const current = new Upload(file, {
        endpoint: '/api/training/uploads',
        chunkSize: CHUNK_BYTES,
        retryDelays: RETRY_DELAYS_MS,
        removeFingerprintOnSuccess: true,
        metadata: { name: file.name, filename: file.name },
        onProgress: (sent, size) => setState({ step: 'sending', name: file.name, sent, size, startedAt }),
        onError: (error) => fail(problemOf(error)),
        onSuccess: () => {
          setState({ step: 'checking', name: file.name });
          waitForResult(idOf(current.url ?? ''))
            .then((datasetId) => setState({ step: 'done', name: file.name, datasetId }))
            .catch((error: unknown) => fail(problemOf(error)))
            .finally(() => void queries.invalidateQueries({ queryKey: ['datasets'] }));
        },
      });
      upload.current = current;
      setState({ step: 'sending', name: file.name, sent: 0, size: file.size, startedAt });
      void current.findPreviousUploads().then((previous) => {
        if (previous[0] !== undefined) current.resumeFromPreviousUpload(previous[0]);
        current.start();
      });
    },
    [queries],
  );
  const pause = () => {
    void upload.current?.abort();
    setState((now) => (now.step === 'sending' ? { ...now, step: 'paused' } : now));
  };
  const resume = () => {
    upload.current?.start();
    setState((now) => (now.step === 'paused' ? { ...now, step: 'sending' } : now));
  };
  return { state, start, pause, resume, reset: () => setState({ step: 'idle' }) };
}

function idOf(url: string): string {
  return url.slice(url.lastIndexOf('/') + 1);
}

async function waitForResult(id: string): Promise<string> {
  for (let waitMs = 150; ; waitMs = Math.min(waitMs * 1.5, 2000)) {
    const result = await api<UploadResult>(`/api/training/uploads/${id}/result`);
    if (result.status === 'ready' && result.dataset_id !== undefined) return result.dataset_id;
    if (result.status === 'failed' && result.problem !== undefined) throw new ApiProblem(result.problem);
    if (result.status === 'expired')
      throw new ApiProblem({
        code: 'upload_expired',
        status: 410,
        detail: 'The server no longer knows this upload. Drop the file again.',
      });
    await new Promise((done) => setTimeout(done, waitMs));
  }
}

function problemOf(error: unknown): Problem {
  if (error instanceof ApiProblem) return error.problem;
  const body = error instanceof DetailedError ? error.originalResponse?.getBody() : undefined;
  const status = error instanceof DetailedError ? (error.originalResponse?.getStatus() ?? 0) : 0;
  try {
    if (body) return { code: 'upload_failed', status, detail: body, ...JSON.parse(body) };
  } catch {
    return { code: 'upload_failed', status, detail: body ?? 'The upload failed.' };
  }
  return {
    code: 'connection_lost',
    status,
    detail: 'The connection was lost.',
    hint: 'Drop the same file again: it goes on where it stopped.',
  };
}
